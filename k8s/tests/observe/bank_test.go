package observe

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"moneybank/k8s/tests/kit"
)

// overGRPC is the one bank that sends OTLP over gRPC; the others use HTTP.
var overGRPC = podName(1)

// podName is a name such as a ReplicaSet gives its pods.
func podName(number int) string {
	const ends = "bcdfghjklmnpqrstvwxz2456789"
	return fmt.Sprintf("bank-6d4cf56db6-x2k%c%c", ends[number/len(ends)], ends[number%len(ends)])
}

// startBank starts a bank and returns its address. Its lines are written as the kubelet writes a pod's (the format of CRI).
func (h *House) startBank() string { return h.startBankWith(nil, "/readyz") }

// startBankWith starts a bank with further arguments and settings, and waits until it answers this path.
func (h *House) startBankWith(arguments []string, path string, settings ...string) string {
	h.Helper()
	listen := kit.FreeAddress(h)
	pod := podName(*h.pods)
	file := h.logOf(pod)
	*h.pods++
	command := exec.Command(kit.At("target/native/bank"), append([]string{"up", "--listen", listen, "--state-dir", filepath.Join(h.folder, pod)}, arguments...)...)
	command.Dir = kit.Root
	command.Env = append(os.Environ(), "SPIN_VARIABLE_STORE=redis", fmt.Sprintf("SPIN_VARIABLE_REDIS_URL=redis://:%s@127.0.0.1:%d", password, h.redisPort),
		"SPIN_VARIABLE_COINGECKO_ORIGIN=http://"+h.upstream, "SPIN_VARIABLE_RATES_TTL_SECONDS=1", "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+h.otlp,
		"OTEL_SERVICE_NAME=bank", "OTEL_RESOURCE_ATTRIBUTES=service.instance.id="+pod+",k8s.pod.name="+pod, "OTEL_BSP_SCHEDULE_DELAY=500", "OTEL_METRIC_EXPORT_INTERVAL=1000")
	if pod == overGRPC {
		command.Env = append(command.Env, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+h.grpc)
	}
	command.Env = append(append(command.Env, h.settings...), settings...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := command.StderrPipe()
	if err != nil {
		h.Fatal(err)
	}
	if err := command.Start(); err != nil {
		h.Fatal(err)
	}
	written := make(chan struct{})
	go func() { keep(said, file); close(written) }()
	h.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		<-written
		_ = command.Wait()
	})
	h.banks, h.newest = append(h.banks, "http://"+listen), command.Process
	kit.Eventually(h, pod+" is ready", func() error {
		_, err := get("http://" + listen + path)
		return err
	})
	return "http://" + listen
}

// logOf opens the file in which the kubelet keeps the lines of a pod in the bank's namespace.
func (h *House) logOf(pod string) *os.File {
	h.Helper()
	log := filepath.Join(h.folder, "pods"+h.node, "money-bank_"+pod+"_"+fmt.Sprintf("%032d", *h.pods), "bank", "0.log")
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		h.Fatal(err)
	}
	file, err := os.Create(log)
	if err != nil {
		h.Fatal(err)
	}
	return file
}

// keep writes lines as containerd does.
func keep(from io.Reader, to io.WriteCloser) {
	defer to.Close()
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		fmt.Fprintf(to, "%s stderr F %s\n", time.Now().UTC().Format(time.RFC3339Nano), lines.Text())
	}
}
