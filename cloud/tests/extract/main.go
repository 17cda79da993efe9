// extract PACKAGE.tgz SCHEMA.json: writes the schema of the provider in an npm package.
package main

import (
	"fmt"
	"log"
	"os"

	"money-bank/cloud/tests/schemas"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: extract PACKAGE.tgz SCHEMA.json")
	}
	provider, err := schemas.FromPackage(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := provider.Save(os.Args[2]); err != nil {
		log.Fatal(err)
	}
	fmt.Println(provider.Name, provider.Version)
}
