package kit

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Process is a program in the background. Its log is in build/logs, under the test binary's name and its own.
type Process struct {
	Log    string
	cmd    *exec.Cmd
	exited chan error
}

// Start starts a program. It ends with the test, by its process id.
func Start(t testing.TB, name string, environment []string, program string, arguments ...string) *Process {
	t.Helper()
	path := At("build/logs", strings.TrimSuffix(filepath.Base(os.Args[0]), ".test")+"-"+name+".log")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	command := exec.Command(program, arguments...)
	command.Dir, command.Stdout, command.Stderr = Root, log, log
	command.Env = append(os.Environ(), environment...)
	// It does not outlive a test that is killed.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	process := &Process{Log: path, cmd: command, exited: make(chan error, 1)}
	go func() { process.exited <- command.Wait(); close(process.exited) }()
	t.Cleanup(process.Stop)
	return process
}

// Stop ends it with SIGTERM, or with SIGKILL if that does not help.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// Runs returns an error when it has ended.
func (p *Process) Runs() error {
	select {
	case err := <-p.exited:
		log, _ := os.ReadFile(p.Log)
		return fmt.Errorf("%s ended: %v\n%s", p.cmd.Path, err, log)
	default:
		return nil
	}
}

// ShowsMetrics waits until it serves metrics at this address.
func (p *Process) ShowsMetrics(t testing.TB, address string) {
	t.Helper()
	Eventually(t, p.cmd.Path+" shows metrics", func() error {
		if err := p.Runs(); err != nil {
			t.Fatal(err)
		}
		_, err := Body(http.Get("http://" + address + "/metrics"))
		return err
	})
}

// Body returns an answer's body. A status other than 200, or no answer, is an error.
func Body(answer *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, body)
	}
	return string(body), err
}

// Kill ends it at once, as a power failure does.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Pid returns its process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }
