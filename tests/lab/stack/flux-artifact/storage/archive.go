package storage

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/artifact/digest"
	"github.com/fluxcd/pkg/sourceignore"
	"github.com/fluxcd/pkg/sourceignore/gitignore"
	untar "github.com/fluxcd/pkg/tar"
)

// ArchiveFileFilter tells whether a file is to be left out of an archive.
type ArchiveFileFilter func(path string, info os.FileInfo) bool

// SourceIgnoreFilter leaves out what the patterns and Flux's defaults ignore.
func SourceIgnoreFilter(patterns []gitignore.Pattern, domain []string) ArchiveFileFilter {
	matcher := sourceignore.NewDefaultMatcher(patterns, domain)
	return func(path string, info os.FileInfo) bool {
		return matcher.Match(strings.Split(path, string(filepath.Separator)), info.IsDir())
	}
}

// Archive writes the folder as tar.gz and records digest, size and time in the artifact.
// The same content gives the same bytes: times and owners are not part of it.
func (s *Storage) Archive(artifact *meta.Artifact, folder string, filter ArchiveFileFilter) error {
	return s.write(artifact, func(out io.Writer) error {
		compressed := gzip.NewWriter(out)
		archive := tar.NewWriter(compressed)
		if err := addFolder(archive, folder, filter); err != nil {
			return err
		}
		if err := archive.Close(); err != nil {
			return err
		}
		return compressed.Close()
	})
}

// Copy writes what the reader gives as the artifact's file.
func (s *Storage) Copy(artifact *meta.Artifact, reader io.Reader) error {
	return s.write(artifact, func(out io.Writer) error {
		_, err := io.Copy(out, reader)
		return err
	})
}

// CopyFromPath writes a copy of the file as the artifact's file.
func (s *Storage) CopyFromPath(artifact *meta.Artifact, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return s.Copy(artifact, file)
}

// CopyToPath unpacks the artifact and puts its folder fromPath in the place of toPath.
func (s *Storage) CopyToPath(artifact *meta.Artifact, fromPath, toPath string) error {
	file, err := os.Open(s.LocalPath(*artifact))
	if err != nil {
		return err
	}
	defer file.Close()
	unpacked, err := os.MkdirTemp("", "artifact-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(unpacked)
	if err := untar.Untar(file, unpacked, untar.WithMaxUntarSize(-1)); err != nil {
		return err
	}
	// A root makes sure that fromPath stays inside the artifact.
	root, err := os.OpenRoot(unpacked)
	if err != nil {
		return err
	}
	defer root.Close()
	included, err := fs.Sub(root.FS(), path.Join(".", fromPath))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(toPath); err != nil {
		return err
	}
	return os.CopyFS(toPath, included)
}

// write puts a file in place at once, and its digest, size and time into the artifact.
func (s *Storage) write(artifact *meta.Artifact, produce func(io.Writer) error) (err error) {
	target := s.LocalPath(*artifact)
	file, err := os.CreateTemp(filepath.Dir(target), ".incomplete-")
	if err != nil {
		return err
	}
	defer func() {
		file.Close()
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	digester := digest.Canonical.Digester()
	if err := produce(io.MultiWriter(file, digester.Hash())); err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), target); err != nil {
		return err
	}
	size := info.Size()
	artifact.Digest = digester.Digest().String()
	artifact.Size = &size
	artifact.LastUpdateTime = metav1.Now()
	return nil
}

// addFolder adds the regular files and folders below a folder, in the order of their names.
func addFolder(archive *tar.Writer, folder string, filter ArchiveFileFilter) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if filter != nil && filter(path, info) {
			if info.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !info.Mode().IsRegular() && !info.IsDir() {
			return nil
		}
		return addEntry(archive, folder, path, info)
	})
}

func addEntry(archive *tar.Writer, folder, path string, info os.FileInfo) error {
	header, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	name, err := filepath.Rel(folder, path)
	if err != nil {
		return err
	}
	header.Name = filepath.ToSlash(name)
	header.ModTime, header.AccessTime, header.ChangeTime = time.Time{}, time.Time{}, time.Time{}
	header.Uid, header.Gid, header.Uname, header.Gname = 0, 0, "", ""
	if err := archive.WriteHeader(header); err != nil || info.IsDir() {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(archive, file)
	return err
}
