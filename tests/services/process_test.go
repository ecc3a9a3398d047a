package services

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A test process that crashes leaves neither its services nor their files behind.
func TestNothingOutlivesTheTestProcess(t *testing.T) {
	const helper = "TIDEMILL_SERVICES_HELPER"
	if os.Getenv(helper) != "" {
		dir, err := TempDir("sleep")
		if err != nil {
			t.Fatal(err)
		}
		p, err := startProcess(exec.Command("sleep", "600"), filepath.Join(dir, "log"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("child %d %s\n", p.cmd.Process.Pid, dir)
		<-p.done
		return
	}

	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), helper+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var dir string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if n, _ := fmt.Sscanf(lines.Text(), "child %d %s", &pid, &dir); n == 2 {
			break
		}
	}
	if pid == 0 {
		t.Fatal("the helper did not start its child")
	}
	cmd.Process.Kill()
	cmd.Wait()

	deadline := time.Now().Add(30 * time.Second)
	for processRuns(pid) || exists(filepath.Dir(dir)) {
		if time.Now().After(deadline) {
			t.Fatalf("left behind: process %d %v, directory %s %v", pid, processRuns(pid), dir, exists(dir))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// processRuns reports whether pid is there and not merely waiting for its parent to collect it.
func processRuns(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestStop(t *testing.T) {
	p, err := startProcess(exec.Command("sleep", "600"), filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	p.stop(syscall.SIGTERM)
	p.stop(syscall.SIGTERM)
	if processRuns(p.cmd.Process.Pid) {
		t.Error("still running after stop")
	}
}

func TestAwaitReportsAnEarlyEnd(t *testing.T) {
	p, err := startProcess(exec.Command("false"), filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	err = p.await(func(context.Context) error { return errors.New("nobody there") })
	if err == nil || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("await returned %v", err)
	}
}
