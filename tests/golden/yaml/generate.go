// Prints what Kubernetes reads in YAML texts: `go run . > documents.jsonl`. README.md says what the lines are.
package main

import (
	"encoding/json"
	"os"

	"sigs.k8s.io/yaml"
)

// The characters that numbers, booleans and nulls begin with or consist of.
const alphabet = "0189_.+-eExobyYnN~:a"

var scalars = []string{
	// Booleans and nulls in every spelling, and near misses.
	"true", "True", "TRUE", "tRUE", "false", "False", "FALSE", "yes", "Yes", "YES", "yEs", "no", "No", "NO", "on", "On", "ON",
	"off", "Off", "OFF", "oFF", "yess", "nO", "null", "Null", "NULL", "nULL", "~~", "nil", "none",
	// Whole numbers.
	"8080", "+8080", "-8080", "017", "-017", "+017", "00", "007", "08", "09", "019", "0o17", "0O17", "0o8", "0x1F", "0X1f", "0xg",
	"-0x1f", "0b11", "0B11", "-0b11", "0b12", "0b-11", "0b+11", "1_000", "1__0", "1_", "0_7", "0x_1f", "0b1_1", "+", "-", "1-", "--1",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615",
	"18446744073709551616", "4294967296", "0777777777777777777777",
	// Numbers with a fraction or an exponent.
	"5.0", "5.", ".5", "-.5", "+.5", "1.5", "1_0.5", "._5", ".5_0", "1e1", "1E1", "1e+1", "1e-1", "1.e1", ".1e1", "1e", "e1", "1e400",
	"1e300", "1e21", "1e20", "0e0", "-5.0", "100.25", "0x1.8p1", ".e1", "1.2.3", "1e1.0",
	".inf", "-.inf", "+.inf", ".Inf", ".INF", ".nan", ".NaN", ".iNF", "inf", "nan", "Infinity",
	// Looks like a number, a time or an address, and is text.
	"12:30", "1:20:30", "190:20:30.15", "2001-01-01", "2001-1-1", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10",
	"192.0.2.1", "192.0.2.0/24", "2001:db8::1", "64512:100", "1,000", "5s", "0.5s", "1.20", "v1", "10.0", "=", "..",
	// With quotes and tags.
	"'yes'", "\"017\"", "''", "!!str yes", "!!str 017", "!!str", "!!int 017", "!!int '5'", "!!int x", "!!int 5.0", "!!float 5",
	"!!float 5.5", "!!float x", "!!bool yes", "!!bool 'on'", "!!bool 1", "!!null ''", "!!null x", "!!null null", "!!binary aGk=",
	"!!binary '*'", "! 5", "!local 5", "!local yes", "!!other 5", "!<tag:yaml.org,2002:str> 5", "!!timestamp 2001-01-01", "|\n  yes\n",
}

var documents = []string{
	// Keys.
	"yes: 1", "on: 1", "017: 1", "1_000: 1", "0x1F: 1", "1.5: 1", "1.20: 1", "5.0: 1", "true: 1", "~: 1", "'~': 1", "null: 1", "2001-01-01: 1",
	"'yes': 1", "!!str yes: 1", "!!int '017': 1", ".inf: 1", "-7: 1", "18446744073709551615: 1", "1e30: 1", "0.00001: 1", "1e6: 1", "1e5: 1",
	"123456.5: 1", "16777217.0: 1", "1e20: 1", "3.4e39: 1", "? [a]\n: 1", "? {a: 1}\n: 1", "&a 5: *a", "a: &x 017\n*x : 1",
	// Merge keys.
	"base: &b {a: 1, b: 2}\nuse: {<<: *b, b: 3}", "base: &b {a: 1, b: 2}\nuse: {b: 3, <<: *b}",
	"one: &o {a: 1, b: 1}\ntwo: &t {b: 2, c: 2}\nuse: {<<: [*o, *t], c: 3}", "one: &o {a: 1, b: 1}\ntwo: &t {b: 2, c: 2}\nuse: {c: 3, <<: [*o, *t]}",
	"one: &o {a: 1, b: 1}\ntwo: &t {b: 2, c: 2}\nuse:\n  <<: *o\n  <<: *t", "use: {<<: {a: 1}, b: 2}", "use: {'<<': {a: 1}}", "use: {<<: 5}", "use: {<<: [5]}",
	"use: {<<: ~}", "list: &l [{a: 1}]\nuse: {<<: *l}", "base: &b {a: 1}\nuse: {<<: [*b, {a: 2, b: 2}]}", "use: {!!merge <<: {a: 1}}", "use: {!!str <<: {a: 1}}",
	"base: &b {a: {x: 1}}\nuse: {<<: *b, a: {y: 2}}",
	// Anchors, nulls, collections with tags.
	"a: &a [1, 2]\nb: *a", "a: &a yes\nb: *a", "a: [~, null, ]\nb: {c: }", "a: !!map {b: 1}", "a: !!seq [1]", "a: !local {b: 1}", "a: !!set {b, c}",
	"a:\n- - 1\n  - yes\n", "a: {yes, no}",
}

type line struct {
	YAML string `json:"yaml"`
	// Missing where Kubernetes refuses the text.
	JSON json.RawMessage `json:"json,omitempty"`
}

func main() {
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	write := func(text string) {
		read, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			read = nil
		}
		if err := out.Encode(line{text, read}); err != nil {
			panic(err)
		}
	}
	for _, one := range alphabet {
		scalars = append(scalars, string(one))
		for _, two := range alphabet {
			scalars = append(scalars, string([]rune{one, two}))
		}
	}
	for _, scalar := range scalars {
		write("a: " + scalar)
	}
	for _, document := range documents {
		write(document)
	}
}
