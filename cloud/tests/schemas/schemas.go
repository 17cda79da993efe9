// Package schemas extracts a provider's schema from its npm package of the CDK for Terraform. That package is generated from the
// provider's own schemas. Each of its files carries the TypeScript it was compiled from, with a line for each attribute: its name,
// and whether it is computed, optional, required.
//
// The package does not say which attributes exclude one another, which values are valid, or how many blocks there may be where it
// is more than one.
package schemas

import (
	"encoding/json"
	"os"
)

// Provider is the schema of a provider. Its names are those of configurations: aws_vpc.
type Provider struct {
	Name      string
	Version   string
	Config    Block
	Resources map[string]Block
	Data      map[string]Block
}

// Block is the body of a block or of a nested object.
type Block struct {
	Attributes map[string]Attribute
	Blocks     map[string]Nested `json:",omitempty"`
}

// Attribute is set by `name = value`.
type Attribute struct {
	// As in Terraform's JSON: "string", ["set","string"]. Empty for nested objects.
	Type     json.RawMessage `json:",omitempty"`
	Object   *Nested         `json:",omitempty"`
	Required bool            `json:",omitempty"`
	Optional bool            `json:",omitempty"`
	Computed bool            `json:",omitempty"`
}

// Nested is set by `name { … }`, where it is a block.
type Nested struct {
	Nesting  Nesting
	Required bool `json:",omitempty"`
	// At most one.
	Single bool `json:",omitempty"`
	Block  Block
}

// Nesting says which collection the objects of one name form.
type Nesting string

const (
	List   Nesting = "list"
	Set    Nesting = "set"
	Map    Nesting = "map"
	Struct Nesting = "struct"
)

// Load reads what Save wrote.
func Load(path string) (Provider, error) {
	var provider Provider
	text, err := os.ReadFile(path)
	if err != nil {
		return provider, err
	}
	return provider, json.Unmarshal(text, &provider)
}

// Save writes the schema where the provider of the tests finds it.
func (p Provider) Save(path string) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
