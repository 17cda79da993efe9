package local

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
	"moneybank/k8s/tests/kit/spinkube"
)

func TestTheSuitesAreGreenOnTheChartsRedis(t *testing.T) {
	for _, store := range []string{"kv", "redis"} {
		t.Run(store, func(t *testing.T) {
			cluster := rendered(t, "--set", "settings.store="+store)
			cluster.startRedis()
			cluster.suites(cluster.startBank(), kit.Suites...)
		})
	}
}

func TestHelmTestPassesAgainstABank(t *testing.T) {
	cluster := rendered(t)
	cluster.startRedis()
	t.Setenv("BANK_URL", cluster.startBank())
	output := kit.Run(t, "sh", kit.Chart+"/files/check.sh")
	if strings.Count(output, "ok: ") != 5 || strings.Contains(output, "not ok") {
		t.Error(output)
	}
}

func TestHelmTestFailsAgainstSomethingElse(t *testing.T) {
	cluster := rendered(t)
	t.Setenv("BANK_URL", cluster.coingecko)
	if output, err := kit.Try("sh", kit.Chart+"/files/check.sh"); err == nil {
		t.Error(output)
	}
}

func TestRedisKeepsWhatItAcknowledgedWhenItIsKilled(t *testing.T) {
	cluster := rendered(t)
	cluster.startRedis()
	bank := cluster.startBank()
	deposit(t, http.DefaultClient, bank, "user-id").is(t, 200)
	cluster.redis.Kill()
	cluster.startRedis()
	kit.Eventually(t, "the wallet is as it was", func() error {
		return kit.Missing(get(t, http.DefaultClient, bank+"/v1/wallet", "user-id").body, `"balance":"10.50"`)
	})
}

// All pods share one Redis. If they left the Service because of it, clients would have a refused connection, where the
// contract promises a 503 that says what became of the money.
func TestPodsStayInTheServiceWhileRedisIsAway(t *testing.T) {
	cluster := rendered(t)
	cluster.startRedis()
	bank := cluster.startBank()
	cluster.redis.Kill()
	kit.Eventually(t, "/readyz says so", func() error {
		if answer := get(t, http.DefaultClient, bank+"/readyz", "user-id"); answer.status != http.StatusServiceUnavailable {
			return fmt.Errorf("%d %s", answer.status, answer.body)
		}
		return nil
	})
	checks := cluster.app().Spec.Checks
	for range 10 {
		for _, probe := range []*spinkube.HealthProbe{checks.Readiness, checks.Liveness} {
			get(t, http.DefaultClient, bank+probe.HTTPGet.Path, "user-id").is(t, http.StatusOK)
		}
		answer := deposit(t, http.DefaultClient, bank, "user-id").is(t, http.StatusServiceUnavailable)
		if !strings.Contains(answer.body, `"outcome":`) {
			t.Errorf("no outcome: %s", answer.body)
		}
		time.Sleep(time.Second)
	}
	cluster.startRedis()
	kit.Eventually(t, "deposits go on", func() error {
		if answer := deposit(t, http.DefaultClient, bank, "user-id"); answer.status != http.StatusOK {
			return fmt.Errorf("%d %s", answer.status, answer.body)
		}
		return nil
	})
}

func TestRedisLetsNobodyInWithoutThePassword(t *testing.T) {
	cluster := rendered(t)
	cluster.startRedis()
	if err := cluster.readiness([]string{"REDISCLI_AUTH="}); err == nil {
		t.Error("a ping without the password is answered")
	}
	if err := cluster.readiness([]string{"REDISCLI_AUTH=guess"}); err == nil {
		t.Error("a ping with another password is answered")
	}
	// The password may be read only in the file in memory, by its owner; it is not among the arguments.
	container := cluster.redisContainer()
	password, err := cluster.secret(container.Env[0].ValueFrom.SecretKeyRef)
	if err != nil {
		t.Fatal(err)
	}
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", cluster.redis.Pid()))
	if err != nil || strings.Contains(string(arguments), password) {
		t.Errorf("%v %q", err, arguments)
	}
	file, err := os.Stat(cluster.folder + "/run/redis.conf")
	if err != nil || file.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", err, file)
	}
}
