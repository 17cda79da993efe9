package cluster

import (
	"net"

	"moneybank/k8s/tests/kit"
)

// controller-runtime's default port for webhooks, which the operator keeps.
const webhookPort = "9443"

// runRealOperator runs the real spin-operator, with its webhooks and its own definitions, from a checkout of its source
// (SPIN_OPERATOR). No test needs it. It shows whether this package stands in for it correctly.
func (p *Plane) runRealOperator(source string) {
	p.Helper()
	folder := p.TempDir()
	certificates := folder + "/k8s-webhook-server/serving-certs"
	kit.Write(p, certificates+"/tls.key", "")
	kit.Run(p, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=spin-operator",
		"-addext", "subjectAltName=IP:127.0.0.1", "-keyout", certificates+"/tls.key", "-out", certificates+"/tls.crt")
	kit.Run(p, "go", "build", "-C", source, "-o", folder+"/manager", "./cmd")
	p.kubectl("apply", "--server-side", "--force-conflicts", "-f", source+"/config/crd/bases")
	operator := kit.Start(p, "spin-operator", []string{"KUBECONFIG=" + p.kubeconfig, "TMPDIR=" + folder}, folder+"/manager",
		"--enable-webhooks", "--metrics-bind-address=0", "--health-probe-bind-address=0")
	kit.Eventually(p, "the operator serves its webhooks", func() error {
		if err := operator.Runs(); err != nil {
			p.Fatal(err)
		}
		connection, err := net.Dial("tcp", "127.0.0.1:"+webhookPort)
		if err == nil {
			connection.Close()
		}
		return err
	})
	p.register("https://127.0.0.1:"+webhookPort, []byte(kit.Read(p, certificates+"/tls.crt")))
}
