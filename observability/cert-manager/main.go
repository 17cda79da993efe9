// cert-manager's controller with what a self-signed certificate needs. Its own command is in a module that no Go proxy has;
// the controllers and the metrics server are from its library.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os/signal"
	"syscall"
	"time"

	"github.com/cert-manager/cert-manager/pkg/controller"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how the API server is reached")
	metrics := flag.String("metrics", "127.0.0.1:9402", "where Prometheus asks")
	flag.Parse()
	end, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := run(end, *kubeconfig, *metrics); err != nil {
		log.Fatal(err)
	}
}

// run runs every controller that is linked in, until the context ends.
func run(end context.Context, kubeconfig, metrics string) error {
	factory, err := controller.NewContextFactory(end, controller.ContextOptions{
		Kubeconfig: kubeconfig,
		CertificateOptions: controller.CertificateOptions{
			CertificateRequestMinimumBackoffDuration: time.Second,
			CertificateRequestMaximumBackoffDuration: time.Minute,
		},
	})
	if err != nil {
		return err
	}
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	shared.Metrics.SetupCertificateCollector(shared.SharedInformerFactory.Certmanager().V1().Certificates().Lister())
	failed := make(chan error)
	for _, known := range controller.Known() {
		one, err := known(factory)
		if err != nil {
			return err
		}
		go func() { failed <- one.Run(2, end) }()
	}
	shared.SharedInformerFactory.Start(end.Done())
	shared.KubeSharedInformerFactory.Start(end.Done())
	listener, err := net.Listen("tcp", metrics)
	if err != nil {
		return err
	}
	go func() { failed <- shared.Metrics.NewServer(listener).Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-end.Done():
		return nil
	}
}
