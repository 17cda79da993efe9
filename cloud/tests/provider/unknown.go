package main

import (
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// unknown sets an unknown value wherever one is computed and the configuration does not set it.
func unknown(value tftypes.Value, block *tfprotov6.SchemaBlock) (tftypes.Value, error) {
	if value.IsNull() || !value.IsKnown() {
		return value, nil
	}
	var members map[string]tftypes.Value
	if err := value.As(&members); err != nil {
		return value, err
	}
	for _, attribute := range block.Attributes {
		if err := unknownAttribute(members, attribute); err != nil {
			return value, err
		}
	}
	for _, nested := range block.BlockTypes {
		inner, err := eachObject(members[nested.TypeName], func(object tftypes.Value) (tftypes.Value, error) {
			return unknown(object, nested.Block)
		})
		if err != nil {
			return value, err
		}
		members[nested.TypeName] = inner
	}
	return tftypes.NewValue(value.Type(), members), nil
}

func unknownAttribute(members map[string]tftypes.Value, attribute *tfprotov6.SchemaAttribute) error {
	value := members[attribute.Name]
	if attribute.Computed && value.IsNull() {
		members[attribute.Name] = tftypes.NewValue(value.Type(), tftypes.UnknownValue)
		return nil
	}
	if attribute.NestedType == nil {
		return nil
	}
	inner, err := eachObject(value, func(object tftypes.Value) (tftypes.Value, error) {
		return unknown(object, &tfprotov6.SchemaBlock{Attributes: attribute.NestedType.Attributes})
	})
	members[attribute.Name] = inner
	return err
}

// eachObject calls `change` for an object, or for each object of a list, a set or a map.
func eachObject(value tftypes.Value, change func(tftypes.Value) (tftypes.Value, error)) (tftypes.Value, error) {
	if value.IsNull() || !value.IsKnown() {
		return value, nil
	}
	switch {
	case value.Type().Is(tftypes.Object{}):
		return change(value)
	case value.Type().Is(tftypes.Map{}):
		var members map[string]tftypes.Value
		if err := value.As(&members); err != nil {
			return value, err
		}
		for name, member := range members {
			changed, err := change(member)
			if err != nil {
				return value, err
			}
			members[name] = changed
		}
		return tftypes.NewValue(value.Type(), members), nil
	}
	var members []tftypes.Value
	if err := value.As(&members); err != nil {
		return value, err
	}
	for i, member := range members {
		changed, err := change(member)
		if err != nil {
			return value, err
		}
		members[i] = changed
	}
	return tftypes.NewValue(value.Type(), members), nil
}
