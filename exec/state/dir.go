package state

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"tidemill/sql/sqlerr"
)

// The data directory holds
//
//	LOCK       held by the process that has the store open
//	store/     the Pebble database and the file FORMAT
//	store.new/ what a crash left of an attempt to create store/
const (
	lockName   = "LOCK"
	storeName  = "store"
	newName    = "store.new"
	formatName = "FORMAT"
)

// FormatVersion is the version of the store's format that this build writes; it reads from
// minFormatVersion on.
const (
	FormatVersion    = 1
	minFormatVersion = 1
)

func formatText(version int) string {
	line := fmt.Sprintf("tidemill-store %d", version)
	return fmt.Sprintf("%s %08x\n", line, crc32.ChecksumIEEE([]byte(line)))
}

// checkFormat reads the FORMAT file of a store directory and refuses what this build cannot read.
func checkFormat(fsys vfs.FS, dir string) error {
	path := fsys.PathJoin(dir, formatName)
	f, err := fsys.Open(path)
	if err != nil {
		return fmt.Errorf("open store format: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	var version int
	if n, _ := fmt.Sscanf(string(text), "tidemill-store %d", &version); n != 1 || string(text) != formatText(version) {
		return corrupt("%s is damaged: %q", path, strings.TrimSpace(string(text)))
	}
	if version > FormatVersion {
		return sqlerr.New(sqlerr.FeatureNotSupported, "data directory has store format %d, this build reads up to %d", version, FormatVersion).
			WithHint("Start the version that wrote it, or a newer one.")
	}
	if version < minFormatVersion {
		return sqlerr.New(sqlerr.FeatureNotSupported, "data directory has store format %d, this build reads from %d on", version, minFormatVersion)
	}
	return nil
}

// lockDir takes the exclusive lock of a data directory.
func lockDir(fsys vfs.FS, dir string) (io.Closer, error) {
	lock, err := fsys.Lock(fsys.PathJoin(dir, lockName))
	if err != nil {
		return nil, sqlerr.New(sqlerr.ObjectInUse, "data directory %q is in use", dir).
			WithDetail("%s", err.Error()).WithHint("Is another server running on it?")
	}
	return lock, nil
}

// ensureDir makes dir and the directories above it, durably.
func ensureDir(fsys vfs.FS, dir string) error {
	var missing []string
	for d := dir; ; d = fsys.PathDir(d) {
		if _, err := fsys.Stat(d); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append(missing, d)
		if fsys.PathDir(d) == d {
			break
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, d := range missing {
		if err := syncDir(fsys, fsys.PathDir(d)); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(fsys vfs.FS, dir string) error {
	f, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// createStore makes the store directory of an empty data directory. Pebble's own first open is not
// atomic: a crash inside can leave a directory that never opens. So it happens under another name.
func createStore(fsys vfs.FS, dir string, opts *pebble.Options) error {
	tmp := fsys.PathJoin(dir, newName)
	if err := fsys.RemoveAll(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := pebble.Open(tmp, opts)
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	return sealStore(fsys, dir)
}

// sealStore gives a complete store.new its FORMAT file and its final name.
func sealStore(fsys vfs.FS, dir string) error {
	tmp := fsys.PathJoin(dir, newName)
	f, err := fsys.Create(fsys.PathJoin(tmp, formatName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(formatText(FormatVersion)))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := syncDir(fsys, tmp); err != nil {
		return err
	}
	if err := fsys.Rename(tmp, fsys.PathJoin(dir, storeName)); err != nil {
		return err
	}
	return syncDir(fsys, dir)
}

func corrupt(format string, args ...any) error {
	return sqlerr.New(sqlerr.DataCorrupted, format, args...)
}
