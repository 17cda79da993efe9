//go:build node

package node

import (
	"strings"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// Where the stand-in for CoinGecko listens.
const (
	coingecko = "http://" + address + ":5001"
	apiKey    = "the-key-of-the-node"
)

func TestTheBankOnANode(t *testing.T) {
	node := start(t)
	node.scenarios(t, []scenario{
		{"it is installed with the values of production", itIsInstalled},
		{"helm test passes", helmTestPasses},
		{"the suites are green through the Service", suitesAreGreenThroughTheService},
		{"a rollout fails no request on kept connections", aRolloutFailsNoRequest},
		{"a Redis that is killed loses nothing", aRedisThatIsKilledLosesNothing},
	})
}

func TestMoreOnANode(t *testing.T) {
	node := start(t)
	node.scenarios(t, []scenario{
		{"an upgrade from the chart before and a rollback keep money and password, a new installation the money", releasesComeAndGoAndMoneyStays},
		{"a bank uses no more memory than the chart requests", aBankUsesNoMoreMemoryThanTheChartRequests},
		{"three rollouts fail no request on kept connections", threeRolloutsFailNoRequest},
		{"scaling down fails no request on kept connections", scalingDownFailsNoRequest},
		{"a pod that is deleted fails no request on kept connections", aPodThatIsDeletedFailsNoRequest},
		{"a bank that is killed loses nothing", aBankThatIsKilledLosesNothing},
		{"a containerd that is started again fails no request", aContainerdThatIsStartedAgainFailsNoRequest},
		{"a Redis whose pod is deleted loses nothing", aRedisWhosePodIsDeletedLosesNothing},
		{"exports are made and restored", exportsAreMadeAndRestored},
		{"exports of SQLite are made and restored", exportsOfSQLiteAreMadeAndRestored},
		{"the lines of docs/start.md bring a bank with TLS within a minute", thePagesLinesBringABankWithTLS},
		{"make deploy brings a bank from a clone", deployBringsABankFromAClone},
	})
}

type scenario struct {
	name string
	run  func(*Node)
}

// scenarios runs them in turn: later ones build on earlier ones.
func (n *Node) scenarios(t *testing.T, scenarios []scenario) {
	for _, scenario := range scenarios {
		if !t.Run(scenario.name, func(t *testing.T) { scenario.run(n.of(t)) }) {
			return
		}
	}
}

// prepare makes the objects that the values of production name.
func (n *Node) prepare() {
	n.Helper()
	kit.Start(n.whole, "coingecko", nil, kit.At("target/native/coingecko"), "--listen", strings.TrimPrefix(coingecko, "http://"))
	n.makeNamespace()
}

func (n *Node) makeNamespace() {
	n.Helper()
	n.kubectl("create", "namespace", namespace)
	n.kubectl("-n", namespace, "create", "secret", "generic", "coingecko", "--from-literal=api-key="+apiKey)
	n.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
}

func itIsInstalled(n *Node) {
	n.prepare()
	began := time.Now()
	n.install(kit.Chart)
	n.Logf("Redis and three pods were ready after %.1f s, pulling included", time.Since(began).Seconds())
}

func helmTestPasses(n *Node) {
	output := n.helm("test", "bank", "--namespace", namespace, "--logs")
	if err := kit.Missing(output, "Phase:          Succeeded", "ok: the balance is as it was"); err != nil {
		n.Error(err)
	}
}

func suitesAreGreenThroughTheService(n *Node) {
	kit.RunSuites(n, "http://"+n.service(), coingecko, apiKey, kit.Suites...)
}
