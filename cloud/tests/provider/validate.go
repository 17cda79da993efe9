package main

import (
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// judged reports values in a configuration that only the provider may set. OpenTofu itself finds names that are misspelt or missing,
// and wrong types.
func judged(config *tfprotov6.DynamicValue, schema *tfprotov6.Schema) ([]*tfprotov6.Diagnostic, error) {
	value, err := config.Unmarshal(schema.ValueType())
	if err != nil {
		return nil, err
	}
	var said []*tfprotov6.Diagnostic
	err = readOnly(value, schema.Block, tftypes.NewAttributePath(), func(at *tftypes.AttributePath) {
		said = append(said, &tfprotov6.Diagnostic{Severity: tfprotov6.DiagnosticSeverityError, Attribute: at,
			Summary: "Value for unconfigurable attribute", Detail: at.String() + " is set by the provider alone."})
	})
	return said, err
}

func readOnly(value tftypes.Value, block *tfprotov6.SchemaBlock, at *tftypes.AttributePath, say func(*tftypes.AttributePath)) error {
	if value.IsNull() || !value.IsKnown() {
		return nil
	}
	var members map[string]tftypes.Value
	if err := value.As(&members); err != nil {
		return err
	}
	for _, attribute := range block.Attributes {
		if attribute.Computed && !attribute.Optional && !members[attribute.Name].IsNull() {
			say(at.WithAttributeName(attribute.Name))
		}
	}
	for _, nested := range block.BlockTypes {
		_, err := eachObject(members[nested.TypeName], func(object tftypes.Value) (tftypes.Value, error) {
			return object, readOnly(object, nested.Block, at.WithAttributeName(nested.TypeName), say)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
