// The provider of the tests: takes what the real one takes, by its schema, and plans every value that the real one would
// compute as unknown. It never reaches an account, so there is nothing that it could apply.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"money-bank/cloud/tests/schemas"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// The schema lies beside the binary, which is linked once for each provider.
func run() error {
	provider, err := schemas.Load(filepath.Join(filepath.Dir(os.Args[0]), "schema.json"))
	if err != nil {
		return err
	}
	served, err := newServer(provider)
	if err != nil {
		return err
	}
	return tf6server.Serve("registry.opentofu.org/hashicorp/"+provider.Name,
		func() tfprotov6.ProviderServer { return served })
}
