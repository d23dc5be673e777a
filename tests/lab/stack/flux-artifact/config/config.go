// Package config holds the flags of the artifact storage and of its file server.
package config

import (
	"time"

	"github.com/spf13/pflag"
)

// Options are the settings of the artifact storage and of its file server.
type Options struct {
	// StoragePath is the folder that holds the artifacts.
	StoragePath string
	// StorageAddress is where the file server listens.
	StorageAddress string
	// StorageAdvAddress is the host, and port if it is not 80, in the URLs given to consumers.
	StorageAdvAddress string
	// ArtifactRetentionTTL is how long a superseded artifact stays in the storage.
	ArtifactRetentionTTL time.Duration
	// ArtifactRetentionRecords is how many artifacts of one object stay, the current one included.
	ArtifactRetentionRecords int
	// ArtifactDigestAlgo names the digest algorithm: sha256, sha384 or sha512.
	ArtifactDigestAlgo string
}

// BindFlags declares the options as flags, by the names that Flux documents.
func (o *Options) BindFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.StoragePath, "storage-path", "/data", "The folder that holds the artifacts.")
	fs.StringVar(&o.StorageAddress, "storage-addr", ":9090", "The address the file server binds to.")
	fs.StringVar(&o.StorageAdvAddress, "storage-adv-addr", "", "The address of the file server as consumers reach it.")
	fs.DurationVar(&o.ArtifactRetentionTTL, "artifact-retention-ttl", time.Minute,
		"How long a superseded artifact is kept.")
	fs.IntVar(&o.ArtifactRetentionRecords, "artifact-retention-records", 2,
		"How many artifacts of one object are kept.")
	fs.StringVar(&o.ArtifactDigestAlgo, "artifact-digest-algo", "sha256", "The digest algorithm of artifacts.")
}
