package kit

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tidemill/tests/services"
)

// Process is the tidemill binary serving a directory, to be killed and started again.
type Process struct {
	tb   testing.TB
	args []string
	port int
	cmd  *exec.Cmd
	log  bytes.Buffer
}

var binary struct {
	once sync.Once
	path string
	err  error
}

// Binary builds the command once per test process and returns its path.
func Binary(tb testing.TB) string {
	tb.Helper()
	binary.once.Do(func() {
		dir, err := services.TempDir("binary")
		if err != nil {
			binary.err = err
			return
		}
		binary.path = filepath.Join(dir, "tidemill")
		out, err := exec.Command("go", "build", "-o", binary.path, "tidemill/cmd/tidemill").CombinedOutput()
		if err != nil {
			binary.err = fmt.Errorf("building the binary: %w\n%s", err, out)
		}
	})
	if binary.err != nil {
		tb.Fatal(binary.err)
	}
	return binary.path
}

// StartProcess serves a fresh directory with the real binary until the test ends.
func StartProcess(tb testing.TB, args ...string) *Process {
	tb.Helper()
	ports, err := services.FreePorts(1)
	if err != nil {
		tb.Fatal(err)
	}
	p := &Process{tb: tb, port: ports[0]}
	p.args = append([]string{
		"serve", "--data", tb.TempDir() + "/data", "--listen", fmt.Sprintf("127.0.0.1:%d", p.port),
		"--http", "", "--log-level", "warn",
	}, args...)
	p.Start()
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() {
			tb.Logf("server log:\n%s", p.log.String())
		}
	})
	return p
}

// StartWith is Start with further arguments, for this and later starts. They count more than earlier ones.
func (p *Process) StartWith(args ...string) {
	p.tb.Helper()
	p.args = append(p.args, args...)
	p.Start()
}

// Start starts the process again after Kill or Stop and waits until it answers.
func (p *Process) Start() {
	p.tb.Helper()
	p.cmd = exec.Command(Binary(p.tb), p.args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.tb.Fatal(err)
	}
	end := time.Now().Add(20 * time.Second)
	for {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", p.port), time.Second)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			p.tb.Fatalf("the server does not answer: %v\n%s", err, p.log.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Kill ends the process as a crash would.
func (p *Process) Kill() {
	if p.cmd == nil {
		return
	}
	p.cmd.Process.Kill() //nolint:errcheck // it may be gone already
	p.cmd.Wait()         //nolint:errcheck // killed
	p.cmd = nil
}

// Stop ends the process with SIGTERM and returns what it exited with.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := p.cmd.Wait()
	p.cmd = nil
	return err
}

// RestartWith stops the process with SIGTERM and starts it again with further flags.
func (p *Process) RestartWith(args ...string) {
	p.tb.Helper()
	if err := p.Stop(); err != nil {
		p.tb.Fatalf("stopping: %v", err)
	}
	p.StartWith(args...)
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// DSN is the connection string of the server.
func (p *Process) DSN() string {
	return fmt.Sprintf("postgres://tidemill@127.0.0.1:%d/tidemill?sslmode=disable", p.port)
}

// Conn opens a connection that is closed at the end of the test.
func (p *Process) Conn() *pgx.Conn {
	p.tb.Helper()
	return Connect(p.tb, p.DSN())
}
