package state

import (
	"errors"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// orderedFS makes the directory entry of a new manifest durable before anything refers to it. Pebble
// syncs the manifest itself, then moves a marker file that names it and syncs the directory once for
// both; a file system that does not keep directory operations in order may then have the marker and
// not the manifest after a crash, and the store does not open.
type orderedFS struct{ vfs.FS }

// Create implements vfs.FS.
func (f orderedFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	if err != nil || !strings.HasPrefix(f.PathBase(name), "MANIFEST-") {
		return file, err
	}
	return &newFile{File: file, fs: f.FS, dir: f.PathDir(name)}, nil
}

// Unwrap implements vfs.FS.
func (f orderedFS) Unwrap() vfs.FS { return f.FS }

// newFile syncs its directory with its first sync.
type newFile struct {
	vfs.File
	fs    vfs.FS
	dir   string
	known atomic.Bool
}

func (n *newFile) enter(err error) error {
	if n.known.Load() {
		return err
	}
	if err = errors.Join(err, syncDir(n.fs, n.dir)); err == nil {
		n.known.Store(true)
	}
	return err
}

// Sync implements vfs.File.
func (n *newFile) Sync() error { return n.enter(n.File.Sync()) }

// SyncData implements vfs.File.
func (n *newFile) SyncData() error { return n.enter(n.File.SyncData()) }
