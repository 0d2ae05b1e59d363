package api

import (
	"errors"
	"io/fs"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// CheckFolder says how many manifests a folder has, without a running broker, or
// every fault of them, one a line: see catalog.CheckFolder.
func CheckFolder(folder fs.FS) (manifests int, err error) {
	manifests, err = catalog.CheckFolder(folder)
	var faults strictyaml.Faults
	if errors.As(err, &faults) {
		return manifests, faults
	}
	return manifests, err
}
