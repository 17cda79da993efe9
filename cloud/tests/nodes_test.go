package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A node joins after its first script whether that fails or not, so the script itself must prevent it. Here the script runs with
// stand-ins for all its programs, which write down how they were called.
func TestANodeWithoutItsShimDoesNotJoin(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../aws/modules/eks/node.tftpl")
	if err != nil {
		t.Fatal(err)
	}
	_, script, found := strings.Cut(string(text), "#!/bin/bash\n")
	script, _, ended := strings.Cut(script, "\n--BANK\n")
	if !found || !ended {
		t.Fatalf("node.tftpl has no script:\n%s", text)
	}
	for _, failing := range []string{"", "curl", "sha256sum", "tar"} {
		t.Run("without "+failing, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			log := filepath.Join(folder, "log")
			for _, program := range []string{"curl", "sha256sum", "tar", "rm", "ln", "systemctl"} {
				status := "0"
				if program == failing {
					status = "1"
				}
				stub := "#!/bin/sh\nread -r _\necho " + program + " \"$@\" >>" + log + "\nexit " + status + "\n"
				if err := os.WriteFile(filepath.Join(folder, program), []byte(stub), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			command := exec.Command("/bin/bash", "-c", script)
			command.Env = []string{"PATH=" + folder}
			out, err := command.CombinedOutput()
			if (err == nil) != (failing == "") {
				t.Errorf("%v\n%s", err, out)
			}
			called, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			refused := strings.HasSuffix(string(called), "systemctl stop nodeadm-run.service\n"+
				"ln --symbolic --force /dev/null /etc/systemd/system/nodeadm-run.service\nsystemctl poweroff\n")
			if refused != (failing != "") {
				t.Errorf("it was called:\n%s", called)
			}
		})
	}
}
