package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

type versionCommand struct{}

// Run prints what this binary was built from.
func (*versionCommand) Run() error {
	version, commit := "unknown", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	if _, err := fmt.Fprintf(os.Stdout, "broker %s, commit %s, %s, %s/%s\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
