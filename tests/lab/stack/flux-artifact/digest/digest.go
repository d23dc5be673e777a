// Package digest names the algorithm by which artifacts are checked.
package digest

import (
	_ "crypto/sha256" // registers sha256
	_ "crypto/sha512" // registers sha384 and sha512
	"fmt"

	"github.com/opencontainers/go-digest"
)

// Canonical is the algorithm used for new artifacts.
var Canonical = digest.SHA256

// AlgorithmForName finds an algorithm by its name, or fails if this program does not have it.
func AlgorithmForName(name string) (digest.Algorithm, error) {
	algorithm := digest.Algorithm(name)
	if !algorithm.Available() {
		return "", fmt.Errorf("digest algorithm %q is not available", name)
	}
	return algorithm, nil
}
