package local

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"
)

// All suites that a bank can be asked, but for rates_outage, which is about CoinGecko, and counter_limit, which spoils the bank.
var all = []string{"amounts", "bitcoins", "contract_common", "convert", "counters", "errors", "first_deposits", "health", "history",
	"idempotency", "identity", "keyed_counters", "keys_for_ever", "overdraft", "pages", "rates", "rates_cache", "wallet", "wire"}

func TestTheSuitesAreGreenOnTheChartsRedis(t *testing.T) {
	for _, store := range []string{"kv", "redis"} {
		t.Run(store, func(t *testing.T) {
			cluster := rendered(t, "--set", "settings.store="+store)
			cluster.startRedis()
			cluster.suites(cluster.startBank(), all...)
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

func TestRedisLetsNobodyInWithoutThePassword(t *testing.T) {
	cluster := rendered(t)
	cluster.startRedis()
	if err := cluster.readiness([]string{"REDISCLI_AUTH="}); err == nil {
		t.Error("a ping without the password is answered")
	}
	if err := cluster.readiness([]string{"REDISCLI_AUTH=guess"}); err == nil {
		t.Error("a ping with another password is answered")
	}
	// Where the password may be read: in the file in memory, by its owner alone; not among the arguments.
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
