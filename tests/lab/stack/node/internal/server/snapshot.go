package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lab/stack/node/internal/config"
	"lab/stack/node/internal/layout"
	"lab/stack/node/internal/pki"
)

// snapshotTimeout bounds one snapshot.
const snapshotTimeout = 30 * time.Second

// SaveSnapshot takes a snapshot of this host's etcd and reports its name as k3s does.
func SaveSnapshot(ctx context.Context, c config.Config, l layout.Layout, name string) error {
	program, err := layout.Program("etcdctl")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(l.Snapshots(), 0o700); err != nil {
		return err
	}
	file := fmt.Sprintf("%s-%s-%d", name, c.NodeName, time.Now().Unix())
	ctx, cancel := context.WithTimeout(ctx, snapshotTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, program,
		"--endpoints="+c.EtcdURL(), "--cacert="+l.TLS(pki.CACertificate),
		"--cert="+l.TLS("etcd.crt"), "--key="+l.TLS("etcd.key"),
		"snapshot", "save", filepath.Join(l.Snapshots(), file))
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("etcd snapshot: %w", err)
	}
	fmt.Fprintf(os.Stderr, "time=%q level=info msg=%q\n", time.Now().Format(time.RFC3339), "Snapshot "+file+" saved.")
	return nil
}

type snapshotList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []snapshotFile `json:"items"`
}

type snapshotFile struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              snapshotSpec   `json:"spec"`
	Status            snapshotStatus `json:"status"`
}

type snapshotSpec struct {
	SnapshotName string `json:"snapshotName"`
	NodeName     string `json:"nodeName"`
	Location     string `json:"location"`
}

type snapshotStatus struct {
	Size         string      `json:"size"`
	CreationTime metav1.Time `json:"creationTime"`
	ReadyToUse   bool        `json:"readyToUse"`
}

// ListSnapshots prints the snapshots on this host: as the ETCDSnapshotFileList of k3s, or as a table.
func ListSnapshots(out io.Writer, c config.Config, l layout.Layout, format string) error {
	entries, err := os.ReadDir(l.Snapshots())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	list := snapshotList{
		TypeMeta: metav1.TypeMeta{Kind: "ETCDSnapshotFileList", APIVersion: "k3s.cattle.io/v1"},
		Items:    []snapshotFile{},
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !strings.HasSuffix(info.Name(), ".part") {
			list.Items = append(list.Items, describe(info, c, l))
		}
	}
	switch format {
	case "json":
		return json.NewEncoder(out).Encode(list)
	case "", "table":
		fmt.Fprintln(out, "Name Location Size Created")
		for _, item := range list.Items {
			fmt.Fprintln(out, item.Spec.SnapshotName, item.Spec.Location, item.Status.Size,
				item.Status.CreationTime.UTC().Format(time.RFC3339))
		}
		return nil
	}
	return fmt.Errorf("invalid output format: %s", format)
}

func describe(info fs.FileInfo, c config.Config, l layout.Layout) snapshotFile {
	return snapshotFile{
		ObjectMeta: metav1.ObjectMeta{Name: "local-" + info.Name(), CreationTimestamp: metav1.NewTime(info.ModTime())},
		Spec: snapshotSpec{
			SnapshotName: info.Name(),
			NodeName:     c.NodeName,
			Location:     "file://" + filepath.Join(l.Snapshots(), info.Name()),
		},
		Status: snapshotStatus{
			Size:         fmt.Sprint(info.Size()),
			CreationTime: metav1.NewTime(info.ModTime()),
			ReadyToUse:   true,
		},
	}
}
