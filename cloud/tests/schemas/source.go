package schemas

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

var (
	interfaces = regexp.MustCompile(`(?ms)^export interface (\w+)(?: extends [\w.]+)? \{\n(.*?)^\}`)
	fields     = regexp.MustCompile(`(?s)/\*\*(.*?)\*/\s*readonly \w+(\?)?: ([^;]*(?:\{[^}]*\})?[^;]*);`)
	linked     = regexp.MustCompile(`#(\w+) \w+#\w+`)
	classes    = regexp.MustCompile(`(?ms)^export class (\w+) extends [\w.]+ \{\n(.*?)^\}`)
	attributes = regexp.MustCompile(`(?m)^  // (\w+) - computed: (true|false), optional: (true|false), required: (true|false)$`)
	reference  = regexp.MustCompile(`= new (\w+)(OutputReference|List|Map)\(this, "\w+"(?:, (true|false))?\)`)
	plainMap   = regexp.MustCompile(`= new cdktf\.(String|Number|Boolean)Map\(`)
	getter     = regexp.MustCompile(`(tolist\()?.*this\.get(\w+)Attribute\('`)
	single     = regexp.MustCompile(`super\(terraformResource, terraformAttribute, (true|false), 0\)`)
)

// source is one file of the package: what may be set (interfaces), and what is computed (classes).
type source struct {
	interfaces map[string][]field
	classes    map[string]string
}

type field struct {
	name     string
	kind     string
	required bool
	block    bool
}

func parse(text string) source {
	read := source{interfaces: map[string][]field{}, classes: map[string]string{}}
	for _, found := range interfaces.FindAllStringSubmatch(text, -1) {
		for _, line := range fields.FindAllStringSubmatch(found[2], -1) {
			read.interfaces[found[1]] = append(read.interfaces[found[1]], asField(line))
		}
	}
	for _, found := range classes.FindAllStringSubmatch(text, -1) {
		read.classes[found[1]] = found[2]
	}
	return read
}

func asField(line []string) field {
	link := linked.FindStringSubmatch(line[1])
	if link == nil {
		return field{}
	}
	return field{name: link[1], required: line[2] == "", kind: strings.TrimSuffix(line[3], " | cdktf.IResolvable"),
		block: strings.Contains(line[1], "* "+link[1]+" block\n")}
}

// block combines the class and its interface.
func (s source) block(class, settable string) (Block, error) {
	block := Block{Attributes: map[string]Attribute{}, Blocks: map[string]Nested{}}
	blocks := map[string]bool{}
	for _, field := range s.interfaces[settable] {
		blocks[field.name] = field.block
	}
	body, known := s.classes[class]
	if !known {
		return s.settable(settable)
	}
	starts := attributes.FindAllStringSubmatchIndex(body, -1)
	for i, at := range starts {
		end := len(body)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		name := body[at[2]:at[3]]
		attribute := Attribute{Computed: body[at[4]:at[5]] == "true", Optional: body[at[6]:at[7]] == "true", Required: body[at[8]:at[9]] == "true"}
		if err := s.typeOf(body[at[0]:end], &attribute); err != nil {
			return block, fmt.Errorf("%s: %w", name, err)
		}
		block.add(name, attribute, blocks[name])
	}
	return block, nil
}

func (b Block) add(name string, attribute Attribute, isBlock bool) {
	if isBlock && attribute.Object != nil {
		attribute.Object.Required = attribute.Required
		b.Blocks[name] = *attribute.Object
		return
	}
	b.Attributes[name] = attribute
}

func (s source) typeOf(text string, attribute *Attribute) error {
	if found := plainMap.FindStringSubmatch(text); found != nil {
		return attribute.is("map", found[1])
	}
	if found := reference.FindStringSubmatch(text); found != nil {
		nested, err := s.nested(found[1], found[2], found[3] == "true")
		attribute.Object = &nested
		return err
	}
	found := getter.FindStringSubmatch(text)
	if found == nil {
		// A type that the package can not express, such as a list of maps.
		return attribute.is("", "dynamic")
	}
	sequence := "list"
	if found[1] != "" {
		sequence = "set"
	}
	switch element := found[2]; {
	case strings.HasSuffix(element, "Map"):
		return attribute.is("map", strings.TrimSuffix(element, "Map"))
	case element == "List":
		return attribute.is(sequence, "string")
	case strings.HasSuffix(element, "List"):
		return attribute.is(sequence, strings.TrimSuffix(element, "List"))
	default:
		return attribute.is("", element)
	}
}

func (a *Attribute) is(collection, element string) error {
	element = strings.ToLower(element)
	if of, is := map[string]string{"boolean": "bool", "any": "dynamic"}[element]; is {
		element = of
	}
	var kind any = element
	if collection != "" {
		kind = []string{collection, element}
	}
	var err error
	a.Type, err = json.Marshal(kind)
	return err
}

func (s source) nested(name, kind string, isSet bool) (Nested, error) {
	nested := Nested{Nesting: List}
	switch {
	case kind == "Map":
		nested.Nesting = Map
	case kind == "List" && isSet:
		nested.Nesting = Set
	case kind == "OutputReference":
		nested.Nesting = Struct
		if found := single.FindStringSubmatch(s.classes[name+kind]); found != nil {
			nested.Single = true
			nested.Nesting = map[string]Nesting{"true": Set, "false": List}[found[1]]
		}
	}
	block, err := s.block(name+"OutputReference", name)
	nested.Block = block
	return nested, err
}

// settable reads an interface alone.
func (s source) settable(name string) (Block, error) {
	block := Block{Attributes: map[string]Attribute{}, Blocks: map[string]Nested{}}
	for _, field := range s.interfaces[name] {
		if field.name == "" {
			continue
		}
		attribute := Attribute{Required: field.required, Optional: !field.required}
		kind, isList := strings.CutSuffix(field.kind, "[]")
		_, nests := s.interfaces[kind]
		var err error
		switch {
		case nests:
			nested := Nested{Nesting: Struct}
			if isList {
				nested.Nesting = List
			}
			nested.Block, err = s.settable(kind)
			attribute.Object = &nested
		case strings.HasPrefix(kind, "{"):
			err = attribute.is("map", "string")
		case isList:
			err = attribute.is("list", kind)
		default:
			err = attribute.is("", strings.Fields(kind)[0])
		}
		if err != nil {
			return block, err
		}
		block.add(field.name, attribute, field.block)
	}
	return block, nil
}
