package main

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"money-bank/cloud/tests/schemas"
)

func schema(block schemas.Block) (*tfprotov6.Schema, error) {
	body, err := asBlock(block)
	return &tfprotov6.Schema{Block: body}, err
}

func asBlock(block schemas.Block) (*tfprotov6.SchemaBlock, error) {
	body := &tfprotov6.SchemaBlock{}
	for name, attribute := range block.Attributes {
		served, err := asAttribute(name, attribute)
		if err != nil {
			return nil, err
		}
		body.Attributes = append(body.Attributes, served)
	}
	for name, nested := range block.Blocks {
		inner, err := asBlock(nested.Block)
		if err != nil {
			return nil, err
		}
		if nested.Nesting == schemas.Set && isDynamic(nested.Block) {
			nested.Nesting = schemas.List
		}
		served := &tfprotov6.SchemaNestedBlock{TypeName: name, Block: inner, Nesting: map[schemas.Nesting]tfprotov6.SchemaNestedBlockNestingMode{
			schemas.List: tfprotov6.SchemaNestedBlockNestingModeList, schemas.Set: tfprotov6.SchemaNestedBlockNestingModeSet,
			schemas.Map: tfprotov6.SchemaNestedBlockNestingModeMap, schemas.Struct: tfprotov6.SchemaNestedBlockNestingModeSingle,
		}[nested.Nesting]}
		if nested.Required && nested.Nesting != schemas.Map {
			served.MinItems = 1
		}
		if nested.Single || nested.Nesting == schemas.Struct && nested.Required {
			served.MaxItems = 1
		}
		body.BlockTypes = append(body.BlockTypes, served)
	}
	return body, nil
}

func asAttribute(name string, attribute schemas.Attribute) (*tfprotov6.SchemaAttribute, error) {
	served := &tfprotov6.SchemaAttribute{Name: name, Required: attribute.Required, Optional: attribute.Optional, Computed: attribute.Computed}
	if attribute.Object == nil {
		kind, err := tftypes.ParseJSONType(attribute.Type) //nolint:staticcheck // the only way from this form
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		served.Type = kind
		return served, nil
	}
	inner, err := asBlock(attribute.Object.Block)
	if err != nil {
		return nil, err
	}
	served.NestedType = &tfprotov6.SchemaObject{Attributes: inner.Attributes, Nesting: map[schemas.Nesting]tfprotov6.SchemaObjectNestingMode{
		schemas.List: tfprotov6.SchemaObjectNestingModeList, schemas.Set: tfprotov6.SchemaObjectNestingModeSet,
		schemas.Map: tfprotov6.SchemaObjectNestingModeMap, schemas.Struct: tfprotov6.SchemaObjectNestingModeSingle,
	}[attribute.Object.Nesting]}
	return served, nil
}

// isDynamic says whether a block has a value whose type the package does not state. A set may not hold one; a list is written the same way.
func isDynamic(block schemas.Block) bool {
	for _, attribute := range block.Attributes {
		if attribute.Object != nil && isDynamic(attribute.Object.Block) || string(attribute.Type) == `"dynamic"` {
			return true
		}
	}
	for _, nested := range block.Blocks {
		if isDynamic(nested.Block) {
			return true
		}
	}
	return false
}
