package record_test

import (
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
)

func TestAnOperationIsKeptWithTheStatusThatItsClientGets(t *testing.T) {
	for request, want := range map[[2]string]int{
		{"POST", "/Users"}: 201, {"POST", "/Groups"}: 201, {"PUT", "/Users/1"}: 200, {"PUT", "/Groups/1"}: 200, {"PATCH", "/Users/1"}: 200,
		{"PATCH", "/Groups/1"}: 204, {"DELETE", "/Users/1"}: 204, {"DELETE", "/Groups/1"}: 204, {"POST", "/undo"}: 200,
	} {
		o := record.Operation{Method: request[0], Path: request[1]}.Done("Group/1")
		if o.Status != want || !o.Changed || o.Resource != "Group/1" {
			t.Errorf("%v: %+v, want %d", request, o, want)
		}
	}
}
