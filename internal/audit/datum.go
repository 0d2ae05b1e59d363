package audit

import (
	"bytes"
	"encoding/json"
)

// Datum returns one of the Data of an event from its Canonical bytes, "" for one
// that is not there, without decoding the rest: what counts every issued token
// reads it so. name must not be a member of an event, actor or subject, nor need an
// escape.
func Datum(canonical []byte, name string) string {
	_, data, ok := bytes.Cut(canonical, []byte(`,"data":{`))
	if !ok {
		return ""
	}
	// A quote within a string is escaped, so that this is found as a name only.
	_, value, ok := bytes.Cut(data, []byte(`"`+name+`":"`))
	if !ok {
		return ""
	}
	end := 0
	for end < len(value) && value[end] != '"' {
		if value[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(value) {
		return ""
	}
	if !bytes.Contains(value[:end], []byte(`\`)) {
		return string(value[:end])
	}
	var text string
	if json.Unmarshal(append(append([]byte{'"'}, value[:end]...), '"'), &text) != nil {
		return ""
	}
	return text
}
