package services

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	scriptTimeout = 10 * time.Minute // a first download over a slow line
	startTimeout  = 90 * time.Second // a busy machine
	stopTimeout   = 20 * time.Second
)

// process is a child, leader of its own process group, that cannot outlive the test process.
type process struct {
	cmd *exec.Cmd
	// done is closed when the child has been reaped.
	done chan struct{}
}

// startProcess starts cmd with its output appended to the file logPath.
func startProcess(cmd *exec.Cmd, logPath string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL

	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Pdeathsig is sent when the thread that started the child ends, so that thread is kept.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop signals the process group and returns when its leader has ended; a leader that takes too
// long is killed.
func (p *process) stop(sig syscall.Signal) {
	if p.ended() {
		return
	}
	syscall.Kill(-p.cmd.Process.Pid, sig)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
}

// await calls ready until it succeeds, the process ends, or startTimeout has passed.
func (p *process) await(ready func(context.Context) error) error {
	deadline := time.Now().Add(startTimeout)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := ready(ctx)
		cancel()
		switch {
		case err == nil:
			return nil
		case p.ended():
			return fmt.Errorf("it ended while starting: %v", p.cmd.ProcessState)
		case time.Now().After(deadline):
			return fmt.Errorf("not ready after %v: %w", startTimeout, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// tempRoot is the directory for all files of this test process's services. A small shell that waits
// for the end of its input, which is the end of this process, removes it.
var tempRoot = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tidemill-services-")
	if err != nil {
		return "", err
	}
	// PostgreSQL may run as another user and has to get through.
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	// Several tries, because services that are being killed may still write.
	cmd := exec.Command("sh", "-c", `cat; for i in 1 2 3 4 5; do rm -rf "$0" && break; sleep 1; done`, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := cmd.StdinPipe(); err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	// This keeps cmd alive, and so its pipe, which the garbage collector would close.
	go cmd.Wait()
	return dir, nil
})

// TempDir makes a directory that goes with the test process at the latest.
func TempDir(service string) (string, error) {
	root, err := tempRoot()
	if err != nil {
		return "", err
	}
	return os.MkdirTemp(root, service+"-")
}

// FreePorts returns n different loopback ports that nobody uses. They are below the range from which
// systems take ports for outgoing connections, so that a port is still free when a killed service
// comes back to it.
func FreePorts(n int) ([]int, error) {
	var ports []int
	for range 100 * n {
		port := 20000 + rand.IntN(12000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() // only when all are found: two are never the same
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, errors.New("no free ports on 127.0.0.1")
}

// scriptPath names a script of this package's directory.
func scriptPath(name string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), name)
}

// runScript returns what a script of this package's directory prints.
func runScript(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), scriptTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, scriptPath(name), args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w\n%s", err, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

// tail returns the end of a log, for error messages.
func tail(logPath string) string {
	log, err := os.ReadFile(logPath)
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-4096):])
}
