package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var installKafka = sync.OnceValue(func() error {
	_, err := runScript("kafka.sh", "install")
	return err
})

// Kafka is a broker that belongs to one test.
type Kafka struct {
	tb                   testing.TB
	dir                  string
	port, controllerPort int
	proc                 *process
}

// StartKafka starts a broker with no topics. It is killed, and its data removed, when the test ends.
func StartKafka(tb testing.TB) *Kafka {
	tb.Helper()
	if err := installKafka(); err != nil {
		Unavailable(tb, "kafka", err)
	}
	k, err := newKafka(tb)
	if err == nil {
		err = k.start()
	}
	if err != nil {
		Unavailable(tb, "kafka", err)
	}
	return k
}

func newKafka(tb testing.TB) (*Kafka, error) {
	dir, err := TempDir("kafka")
	if err != nil {
		return nil, err
	}
	k := &Kafka{tb: tb, dir: dir}
	tb.Cleanup(k.cleanup)
	ports, err := FreePorts(2)
	if err != nil {
		return nil, err
	}
	k.port, k.controllerPort = ports[0], ports[1]
	return k, nil
}

func (k *Kafka) cleanup() {
	k.Kill()
	if k.tb.Failed() {
		k.tb.Logf("the end of Kafka's log:\n%s", tail(k.logPath()))
	}
	os.RemoveAll(k.dir)
}

func (k *Kafka) logPath() string { return filepath.Join(k.dir, "kafka.log") }

func (k *Kafka) start() error {
	cmd := exec.Command(scriptPath("kafka.sh"), "run", "--dir", k.dir,
		"--port", strconv.Itoa(k.port), "--controller-port", strconv.Itoa(k.controllerPort))
	var err error
	if k.proc, err = startProcess(cmd, k.logPath()); err != nil {
		return err
	}
	if err := k.proc.await(k.ready); err != nil {
		return fmt.Errorf("%s\nthe broker did not start: %w", tail(k.logPath()), err)
	}
	return nil
}

// ready asks for the list of brokers, on which a broker appears once it may lead partitions.
func (k *Kafka) ready(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers()...))
	if err != nil {
		return err
	}
	defer client.Close()
	brokers, err := kadm.NewClient(client).ListBrokers(ctx)
	if err == nil && len(brokers) == 0 {
		err = errors.New("the broker has not joined its cluster")
	}
	return err
}

// Brokers returns the addresses for clients to start from.
func (k *Kafka) Brokers() []string {
	return []string{fmt.Sprintf("127.0.0.1:%d", k.port)}
}

// Kill ends the broker at once, as a crash would. Killing a broker that is down does nothing.
func (k *Kafka) Kill() { k.end(syscall.SIGKILL) }

// Stop shuts the broker down in good order. Stopping a broker that is down does nothing.
func (k *Kafka) Stop() { k.end(syscall.SIGTERM) }

func (k *Kafka) end(sig syscall.Signal) {
	if k.proc != nil {
		k.proc.stop(sig)
	}
}

// Restart starts the broker again with the same data and address, after shutting it down if it is
// up. Like tb.Fatal, which it calls on failure, it is for the test's own goroutine.
func (k *Kafka) Restart() {
	k.tb.Helper()
	k.Stop()
	if err := k.start(); err != nil {
		k.tb.Fatalf("kafka: %v", err)
	}
}
