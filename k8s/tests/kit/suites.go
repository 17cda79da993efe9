package kit

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Suites lists all black-box suites that run against any bank. Not rates_outage, which is about CoinGecko, and counter_limit, which spoils the bank.
var Suites = []string{"amounts", "bitcoins", "contract_common", "convert", "counters", "errors", "first_deposits", "health", "history",
	"idempotency", "identity", "keyed_counters", "keys_for_ever", "overdraft", "pages", "rates", "rates_cache", "wallet", "wire"}

// RunSuites runs suites against a bank whose rates come from this stand-in for CoinGecko.
func RunSuites(t testing.TB, bank, coingecko, apiKey string, names ...string) {
	t.Helper()
	arguments := []string{"test", "--locked", "--profile", "native", "-p", "tests", "--no-fail-fast"}
	for _, name := range names {
		arguments = append(arguments, "--test", name)
	}
	command := exec.Command("cargo", append(arguments, "--", "--test-threads=8")...)
	command.Dir = Root
	command.Env = append(os.Environ(), "BANK_URL="+bank, "COINGECKO_URL="+coingecko, "COINGECKO_API_KEY="+apiKey)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("the suites failed: %v\n%s", err, output)
	}
	for _, line := range strings.Split(string(output), "\n") {
		if strings.Contains(line, "Running ") || strings.HasPrefix(line, "test result") {
			t.Log(strings.TrimSpace(line))
		}
	}
}
