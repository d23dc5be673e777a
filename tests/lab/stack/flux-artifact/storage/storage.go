// Package storage keeps the artifacts of sources as files: KIND/NAMESPACE/NAME/FILE under one folder.
package storage

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/artifact/config"
)

// Storage is a folder of artifacts and the address under which they are served.
type Storage struct {
	basePath         string
	hostname         string
	retentionTTL     time.Duration
	retentionRecords int
	locks            sync.Map // artifact path -> *sync.Mutex; one process owns the folder
}

// New opens the storage that the options name. Its folder must exist.
func New(options *config.Options) (*Storage, error) {
	info, err := os.Stat(options.StoragePath)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("storage path %s is not a folder", options.StoragePath)
	}
	hostname := options.StorageAdvAddress
	if hostname == "" {
		hostname = options.StorageAddress
	}
	return &Storage{
		basePath:         options.StoragePath,
		hostname:         hostname,
		retentionTTL:     options.ArtifactRetentionTTL,
		retentionRecords: options.ArtifactRetentionRecords,
	}, nil
}

// NewArtifactFor describes a new artifact of an object, with its path and URL.
func (s *Storage) NewArtifactFor(kind string, object metav1.Object, revision, fileName string) meta.Artifact {
	artifact := meta.Artifact{
		Path:     path.Join(strings.ToLower(kind), object.GetNamespace(), object.GetName(), fileName),
		Revision: revision,
	}
	s.SetArtifactURL(&artifact)
	return artifact
}

// SetArtifactURL writes the URL under which the artifact is served now.
func (s *Storage) SetArtifactURL(artifact *meta.Artifact) {
	if artifact == nil || artifact.Path == "" {
		return
	}
	artifact.URL = s.url(artifact.Path)
}

func (s *Storage) url(relative string) string {
	return "http://" + s.hostname + "/" + strings.TrimPrefix(relative, "/")
}

// SetHostname puts the present host into a URL, and leaves what is no URL as it is.
func (s *Storage) SetHostname(address string) string {
	parsed, err := url.Parse(address)
	if err != nil || address == "" {
		return address
	}
	parsed.Host = s.hostname
	return parsed.String()
}

// LocalPath is where the artifact lies on disk, or empty if its path leads out of the storage.
func (s *Storage) LocalPath(artifact meta.Artifact) string {
	if artifact.Path == "" || !filepath.IsLocal(artifact.Path) {
		return ""
	}
	return filepath.Join(s.basePath, artifact.Path)
}

// MkdirAll makes the folder of the artifact.
func (s *Storage) MkdirAll(artifact meta.Artifact) error {
	return os.MkdirAll(filepath.Dir(s.LocalPath(artifact)), 0o700)
}

// Lock waits until nobody else works on the artifact and returns what ends the hold.
func (s *Storage) Lock(artifact meta.Artifact) (unlock func(), err error) {
	value, _ := s.locks.LoadOrStore(artifact.Path, &sync.Mutex{})
	mutex, ok := value.(*sync.Mutex)
	if !ok {
		return nil, fmt.Errorf("lock of %s is a %T", artifact.Path, value)
	}
	mutex.Lock()
	return mutex.Unlock, nil
}

// ArtifactExist tells whether the artifact is a regular file on disk.
func (s *Storage) ArtifactExist(artifact meta.Artifact) bool {
	info, err := os.Lstat(s.LocalPath(artifact))
	return err == nil && info.Mode().IsRegular()
}

// VerifyArtifact fails if the file on disk does not have the artifact's digest.
func (s *Storage) VerifyArtifact(artifact meta.Artifact) error {
	expected, err := digest.Parse(artifact.Digest)
	if err != nil {
		return fmt.Errorf("digest of artifact %s: %w", artifact.Path, err)
	}
	file, err := os.Open(s.LocalPath(artifact))
	if err != nil {
		return err
	}
	defer file.Close()
	actual, err := expected.Algorithm().FromReader(file)
	if err != nil {
		return err
	}
	if actual != expected {
		return fmt.Errorf("artifact %s has digest %s instead of %s", artifact.Path, actual, expected)
	}
	return nil
}

// Symlink points a name in the artifact's folder at the artifact and returns the URL of that name.
func (s *Storage) Symlink(artifact meta.Artifact, linkName string) (string, error) {
	target := s.LocalPath(artifact)
	link := filepath.Join(filepath.Dir(target), linkName)
	if err := os.Remove(link + ".tmp"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if err := os.Symlink(filepath.Base(target), link+".tmp"); err != nil {
		return "", err
	}
	if err := os.Rename(link+".tmp", link); err != nil {
		return "", err
	}
	return s.url(path.Join(path.Dir(artifact.Path), linkName)), nil
}

// Remove deletes the artifact's file.
func (s *Storage) Remove(artifact meta.Artifact) error {
	return os.Remove(s.LocalPath(artifact))
}

// RemoveAll deletes the folder of the artifact's object and returns it, or nothing if there was none.
func (s *Storage) RemoveAll(artifact meta.Artifact) (string, error) {
	folder := filepath.Dir(s.LocalPath(artifact))
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return folder, os.RemoveAll(folder)
}

// GarbageCollect deletes the files beside the artifact that are too old or too many, and returns them.
func (s *Storage) GarbageCollect(ctx context.Context, artifact meta.Artifact, timeout time.Duration) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	superseded, err := s.superseded(artifact)
	if err != nil {
		return nil, err
	}
	var deleted []string
	for index, old := range superseded {
		if err := ctx.Err(); err != nil {
			return deleted, err
		}
		// The current artifact is the first of the records that may stay.
		if index+1 < s.retentionRecords && time.Since(old.ModTime()) < s.retentionTTL {
			continue
		}
		file := filepath.Join(filepath.Dir(s.LocalPath(artifact)), old.Name())
		if err := os.Remove(file); err != nil {
			return deleted, err
		}
		deleted = append(deleted, file)
	}
	return deleted, nil
}

// superseded lists the regular files beside the artifact, the newest first.
func (s *Storage) superseded(artifact meta.Artifact) ([]os.FileInfo, error) {
	current := s.LocalPath(artifact)
	entries, err := os.ReadDir(filepath.Dir(current))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []os.FileInfo
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() && info.Name() != filepath.Base(current) {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b os.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	return files, nil
}
