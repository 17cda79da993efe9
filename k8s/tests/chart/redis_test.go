package chart

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func redisContainer(t *testing.T, arguments ...string) corev1.Container {
	t.Helper()
	return kit.Into[appsv1.StatefulSet](t, kit.Find(t, kit.Rendered(t, arguments...), "StatefulSet", "bank-redis")).Spec.Template.Spec.Containers[0]
}

// redis is a Redis started by the container's own script; say sends it a command and returns its answer.
type redis struct {
	*testing.T
	script, folder string
	port           int
}

func newRedis(t *testing.T) *redis {
	t.Helper()
	config, _, _ := unstructured.NestedString(kit.Find(t, kit.Rendered(t), "ConfigMap", "bank-redis").Object, "data", "redis.conf")
	r := &redis{T: t, folder: t.TempDir(), port: kit.FreePort(t)}
	config = strings.NewReplacer("dir /data", "dir "+r.folder, "port 6379", fmt.Sprintf("port %d", r.port),
		"bind * -::*", "bind 127.0.0.1", "appendonly yes", "appendonly no").Replace(config)
	kit.Write(t, r.folder+"/etc/redis.conf", config)
	r.script = strings.NewReplacer("/etc/redis/", r.folder+"/etc/", "/run/redis/", r.folder+"/").Replace(redisContainer(t).Args[0])
	return r
}

// docs/redis.md states settings for any Redis. The chart gives its own Redis the same.
func TestThePageAsksOfARedisWhatTheChartsOwnHas(t *testing.T) {
	config, _, _ := unstructured.NestedString(kit.Find(t, kit.Rendered(t), "ConfigMap", "bank-redis").Object, "data", "redis.conf")
	asked := []string{"appendonly yes", "appendfsync always", "maxmemory-policy noeviction"}
	for _, line := range asked {
		if !slices.Contains(strings.Split(config, "\n"), line) {
			t.Errorf("the chart's Redis does not have %q", line)
		}
	}
	if !strings.Contains(kit.Read(t, "docs/redis.md"), "\n```\n"+strings.Join(asked, "\n")+"\n```\n") {
		t.Errorf("docs/redis.md does not ask for %q", asked)
	}
}

func (r *redis) start(environment ...string) *kit.Process {
	r.Helper()
	process := kit.Start(r, "redis", environment, "sh", "-euc", r.script)
	kit.Eventually(r, "Redis listens", func() error {
		if err := process.Runs(); err != nil {
			r.Fatal(err)
		}
		connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
		if err == nil {
			connection.Close()
		}
		return err
	})
	return process
}

func (r *redis) say(words ...string) string {
	r.Helper()
	connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
	if err != nil {
		r.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(connection, "$%d\r\n%s\r\n", len(word), word)
	}
	answer, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		r.Fatal(err)
	}
	return strings.TrimSpace(answer)
}

func TestRedisTakesAPasswordOfAnyCharacters(t *testing.T) {
	for index, password := range []string{"simple", `q"uote`, `back\slash`, "newline\n", "two words", "$HOME `id` 'x'", "#>~&@:/?%", "päss\twört"} {
		// The password is not the subtest's name: that would become a folder's name.
		t.Run(fmt.Sprint(index), func(t *testing.T) {
			r := newRedis(t)
			process := r.start("REDISCLI_AUTH=" + password)
			defer process.Kill()
			// Files end in a line feed. Clients that send it and clients that do not are both let in.
			for _, sent := range []string{password, strings.TrimRight(password, "\n")} {
				if said := r.say("AUTH", sent); said != "+OK" {
					t.Errorf("AUTH %q: %s", sent, said)
				}
			}
			if said := r.say("PING"); !strings.HasPrefix(said, "-NOAUTH") {
				t.Errorf("without a password: %s", said)
			}
			if said := r.say("AUTH", password+"x"); !strings.HasPrefix(said, "-WRONGPASS") {
				t.Errorf("with another one: %s", said)
			}
		})
	}
}

func TestRedisDoesNotStartWithAnEmptyPassword(t *testing.T) {
	for _, password := range []string{"", "\n"} {
		r := newRedis(t)
		t.Setenv("REDISCLI_AUTH", password)
		output, err := kit.Try("sh", "-euc", r.script)
		if err == nil || kit.Missing(output, "an empty password") != nil {
			t.Errorf("%q: %v %s", password, err, output)
		}
	}
}

func TestWhileThePasswordIsChangedRedisTakesBoth(t *testing.T) {
	r := newRedis(t)
	defer r.start("REDISCLI_AUTH=new", "REDIS_PREVIOUS_PASSWORD=o\"ld").Kill()
	for password, answer := range map[string]string{"new": "+OK", `o"ld`: "+OK", "older": "-WRONGPASS"} {
		if said := r.say("AUTH", password); !strings.HasPrefix(said, answer) {
			t.Errorf("AUTH %q: %s", password, said)
		}
	}
	if _, err := os.Stat(r.folder + "/redis.conf"); err != nil {
		t.Error(err)
	}
}

// Somebody who may read annotations must not be able to guess the password by hashing candidates, as a plain digest of the address would allow.
// It still changes with the address, because a change replaces the pods.
func TestAnAnnotationIsNoDigestOfTheAddress(t *testing.T) {
	chart := t.TempDir() + "/chart"
	kit.Run(t, "cp", "-r", kit.Chart, chart)
	kit.Write(t, chart+"/templates/digest.yaml", `{apiVersion: v1, kind: ConfigMap, metadata: {name: digest}, data: {digest:
  {{ list (include "bank.podPatches" .) (include "bank.podPolicyVersion" .) .Values.redis.external.url | toJson | sha256sum | trunc 16 | quote }}}}`)
	seen := map[string]bool{}
	for _, password := range []string{"a", "b"} {
		objects := kit.Objects(t, kit.Run(t, kit.Tool("helm"), "template", "bank", chart, "--set", "redis.enabled=false,redis.external.url=redis://:"+password+"@cache"))
		mark, _, _ := unstructured.NestedString(kit.Find(t, objects, "SpinApp", "bank").Object, "spec", "podAnnotations", "checksum/pod")
		digest, _, _ := unstructured.NestedString(kit.Find(t, objects, "ConfigMap", "digest").Object, "data", "digest")
		if mark == "" || mark == digest || seen[mark] {
			t.Errorf("%s: the annotation is %q, the digest %q", password, mark, digest)
		}
		seen[mark] = true
	}
}

func TestRedisRunsWhereItIsToldTo(t *testing.T) {
	pod := kit.Into[appsv1.StatefulSet](t, kit.Find(t, kit.Rendered(t, "--set", "redis.nodeSelector.disk=fast,redis.priorityClassName=money", "--set-json",
		`redis.affinity={"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"kubernetes.io/hostname"}]}}`), "StatefulSet", "bank-redis")).Spec.Template.Spec
	if pod.NodeSelector["disk"] != "fast" || pod.PriorityClassName != "money" || pod.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0].TopologyKey != "kubernetes.io/hostname" {
		t.Errorf("%v %q %v", pod.NodeSelector, pod.PriorityClassName, pod.Affinity)
	}
}

// The claim stays, too: a new release of the same name finds both.
func TestAnUninstallLeavesThePasswordThatTheChartMade(t *testing.T) {
	for values, kept := range map[string]string{"": "keep", "redis.password.source=none": "", "redis.enabled=false,redis.external.url=redis://c": ""} {
		secret := kit.Find(t, kit.Rendered(t, "--set", values), "Secret", "bank-redis")
		if policy := secret.GetAnnotations()["helm.sh/resource-policy"]; policy != kept {
			t.Errorf("%q: the policy is %q", values, policy)
		}
	}
}
