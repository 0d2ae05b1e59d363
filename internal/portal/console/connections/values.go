package connections

import (
	"fmt"
	"slices"
	"strings"
)

// at finds a value by its path in decoded JSON.
func at(values map[string]any, path string) any {
	first, rest, nested := strings.Cut(path, ".")
	if !nested {
		return values[path]
	}
	inner, _ := values[first].(map[string]any)
	return inner[rest]
}

// put stores a value at its path.
func put(values map[string]any, path string, value any) {
	first, rest, nested := strings.Cut(path, ".")
	if !nested {
		values[path] = value
		return
	}
	inner, ok := values[first].(map[string]any)
	if !ok {
		inner = map[string]any{}
		values[first] = inner
	}
	inner[rest] = value
}

// written is a value of a connection as the form has it.
func written(s setting, value any) (text string, checked bool) {
	switch v := value.(type) {
	case string:
		return v, false
	case bool:
		return "", v
	case []any:
		return strings.Join(texts(v), " "), false
	case map[string]any:
		var all []string
		for name, of := range v {
			if list, ok := of.([]any); ok {
				of = strings.Join(texts(list), ", ")
			}
			all = append(all, fmt.Sprintf("%s = %v", name, of))
		}
		slices.Sort(all)
		return strings.Join(all, "\n"), false
	}
	return "", false
}

func texts(list []any) []string {
	all := make([]string, len(list))
	for i, one := range list {
		all[i] = fmt.Sprint(one)
	}
	return all
}

// read is what the form has as a value of a connection; nil for nothing.
func read(k kind, text string) any {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	switch k {
	case asWords:
		return strings.Fields(strings.ReplaceAll(text, ",", " "))
	case asTruth:
		return true
	case asRules, asLists:
		all := map[string]any{}
		for one := range strings.Lines(text) {
			name, value, _ := strings.Cut(one, "=")
			if name = strings.TrimSpace(name); name == "" && strings.TrimSpace(value) == "" {
				continue
			}
			all[name] = strings.TrimSpace(value)
			if k == asLists {
				var of []string
				for part := range strings.SplitSeq(value, ",") {
					of = append(of, strings.TrimSpace(part))
				}
				all[name] = of
			}
		}
		return all
	case asLine, asSecret, asText, asChoice:
	}
	return strings.TrimSpace(text)
}
