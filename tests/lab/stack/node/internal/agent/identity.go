package agent

import (
	"context"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	api "k8s.io/client-go/tools/clientcmd/api"

	"lab/stack/node/internal/layout"
	"lab/stack/node/internal/pki"
)

// tokenLifetime is how long a pod's token is good; it is renewed after half of it.
const tokenLifetime = time.Hour

// identity is the service account of a pod as its processes use it: a kubeconfig and a token beside it.
type identity struct{ renewAt time.Time }

// refresh writes a new token when the old one has lived for half its time.
func (i *identity) refresh(ctx context.Context, w *worker, pod *corev1.Pod) error {
	if time.Now().Before(i.renewAt) || !usesIdentity(pod) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	seconds := int64(tokenLifetime / time.Second)
	accounts := w.client.CoreV1().ServiceAccounts(pod.Namespace)
	request, err := accounts.CreateToken(ctx, pod.Spec.ServiceAccountName, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{
			ExpirationSeconds: &seconds,
			BoundObjectRef: &authenticationv1.BoundObjectReference{
				Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID,
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	token := w.layout.PodFile(w.uid, "token")
	if err := layout.WriteFile(token, []byte(request.Status.Token), 0o600); err != nil {
		return err
	}
	i.renewAt = time.Now().Add(tokenLifetime / 2)
	user := &api.AuthInfo{TokenFile: token}
	return pki.WriteKubeconfig(w.layout.PodFile(w.uid, "kubeconfig"), w.rest.Host, w.rest.CAData, user)
}

// usesIdentity tells whether a process of the pod is a real program that may call the API.
func usesIdentity(pod *corev1.Pod) bool {
	if pod.Spec.AutomountServiceAccountToken != nil && !*pod.Spec.AutomountServiceAccountToken {
		return false
	}
	for _, container := range pod.Spec.Containers {
		if runsForReal(container) {
			return true
		}
	}
	return false
}
