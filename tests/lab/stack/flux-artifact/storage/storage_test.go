package storage

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/artifact/config"
)

func newStorage(t *testing.T) *Storage {
	t.Helper()
	storage, err := New(&config.Options{
		StoragePath: t.TempDir(), StorageAdvAddress: "10.0.0.1:9790",
		ArtifactRetentionTTL: time.Hour, ArtifactRetentionRecords: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	return storage
}

func archived(t *testing.T, s *Storage, name, content string) meta.Artifact {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "file"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	artifact := s.NewArtifactFor("GitRepository", &metav1.ObjectMeta{Namespace: "ns", Name: "fleet"}, "main@sha1:1", name)
	if err := s.MkdirAll(artifact); err != nil {
		t.Fatal(err)
	}
	if err := s.Archive(&artifact, folder, SourceIgnoreFilter(nil, nil)); err != nil {
		t.Fatal(err)
	}
	return artifact
}

func TestTheSameContentIsTheSameArtifact(t *testing.T) {
	s := newStorage(t)
	first, second := archived(t, s, "1.tar.gz", "x"), archived(t, s, "2.tar.gz", "x")
	if first.Digest != second.Digest {
		t.Errorf("digests %s and %s", first.Digest, second.Digest)
	}
	if first.URL != "http://10.0.0.1:9790/gitrepository/ns/fleet/1.tar.gz" {
		t.Errorf("URL %s", first.URL)
	}
	if other := archived(t, s, "3.tar.gz", "y"); other.Digest == first.Digest {
		t.Error("other content has the same digest")
	}
}

func TestADamagedArtifactIsFound(t *testing.T) {
	s := newStorage(t)
	artifact := archived(t, s, "1.tar.gz", "x")
	if err := s.VerifyArtifact(artifact); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(s.LocalPath(artifact), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.VerifyArtifact(artifact) == nil {
		t.Error("the damage was not found")
	}
}

func TestGarbageIsCollectedButTheCurrentArtifactStays(t *testing.T) {
	s := newStorage(t)
	for _, name := range []string{"1.tar.gz", "2.tar.gz", "3.tar.gz"} {
		archived(t, s, name, name)
	}
	current := archived(t, s, "4.tar.gz", "4")
	deleted, err := s.GarbageCollect(context.Background(), current, time.Second)
	if err != nil || len(deleted) != 2 || !s.ArtifactExist(current) {
		t.Errorf("deleted %v, %v", deleted, err)
	}
}

func TestIncludedFolderIsUnpacked(t *testing.T) {
	s := newStorage(t)
	artifact := archived(t, s, "1.tar.gz", "content")
	target := filepath.Join(t.TempDir(), "into")
	if err := s.CopyToPath(&artifact, ".", target); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(filepath.Join(target, "file")); err != nil || string(content) != "content" {
		t.Errorf("%q, %v", content, err)
	}
	if s.CopyToPath(&artifact, "../..", target) == nil {
		t.Error("a path out of the artifact was taken")
	}
}
