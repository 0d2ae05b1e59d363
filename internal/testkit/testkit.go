// Package testkit starts the servers that tests need, as processes of their own
// on loopback, in a temporary folder, and ends them by process id.
package testkit

import "context"

// T is what a server needs of the test that it is started for. A program that
// plays tests of its own, such as integration/chaos, implements it too.
type T interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	// Cleanup runs f at the end, the last one first.
	Cleanup(f func())
	Context() context.Context
}
