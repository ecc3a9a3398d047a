package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a database that belongs to one test, on the server that all tests of a process share.
type Postgres struct {
	connString string
}

// ConnString returns the database's URL, with the superuser as user.
func (p *Postgres) ConnString() string { return p.connString }

var databases atomic.Int64

// StartPostgres creates an empty database, UTF8 with the C collation and time zone UTC, and drops it
// when the test ends. The first call starts the server.
func StartPostgres(tb testing.TB) *Postgres {
	tb.Helper()
	server, err := postgresServer()
	if err != nil {
		Unavailable(tb, "postgres", err)
	}
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := server.exec("CREATE DATABASE " + name); err != nil {
		tb.Fatalf("postgres: %v", err)
	}
	tb.Cleanup(func() {
		if err := server.exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
			tb.Errorf("postgres: %v", err)
		}
	})
	return &Postgres{connString: server.connString(name)}
}

// server is a running PostgreSQL.
type server struct{ port int }

var postgresServer = sync.OnceValues(startServer)

func startServer() (*server, error) {
	var args []string
	if required() {
		args = append(args, "--install")
	}
	programs, err := runScript("postgres.sh", args...)
	if err != nil {
		return nil, err
	}
	credential, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := TempDir("postgres")
	if err != nil {
		return nil, err
	}
	if credential != nil {
		if err := os.Chown(dir, int(credential.Uid), int(credential.Gid)); err != nil {
			return nil, err
		}
	}
	ports, err := FreePorts(1)
	if err != nil {
		return nil, err
	}
	command := func(program string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(programs, program), args...)
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
		// Nothing of the caller's locale or PG* variables.
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
		return cmd
	}

	data := filepath.Join(dir, "data")
	if out, err := command("initdb", "--pgdata", data, "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s\ninitdb: %w", out, err)
	}
	log := filepath.Join(dir, "postgres.log")
	proc, err := startProcess(command("postgres", "-D", data,
		"-c", "port="+strconv.Itoa(ports[0]),
		"-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=",
		"-c", "timezone=UTC",
		"-c", "wal_level=logical", // for tests of change data capture
		"-c", "fsync=off", // the data never outlives the process
	), log)
	if err != nil {
		return nil, err
	}
	s := &server{port: ports[0]}
	ready := func(ctx context.Context) error { return s.execContext(ctx, "SELECT 1") }
	if err := proc.await(ready); err != nil {
		return nil, fmt.Errorf("%s\nthe server did not start: %w", tail(log), err)
	}
	return s, nil
}

// unprivileged chooses whom PostgreSQL runs as if we are root, which it refuses to run as; otherwise
// it returns nil.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("root cannot run PostgreSQL, and there is no user postgres or nobody")
}

func (s *server) connString(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

func (s *server) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return s.execContext(ctx, statement)
}

func (s *server) execContext(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.connString("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}
