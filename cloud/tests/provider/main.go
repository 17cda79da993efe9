// The provider of the tests: accepts what the real one accepts, by its schema. In a plan, every value that the real one would
// compute is unknown. It never reaches an account, so it can apply nothing.
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

// The schema is beside the binary, which is linked once for each provider.
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
