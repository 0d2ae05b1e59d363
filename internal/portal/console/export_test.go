package console

import "github.com/gatehouse-io/gatehouse/internal/portal/console/kit"

// Rules are the whole table.
func (c *Console) Rules() []kit.Rule { return c.server.Rules() }

// Parts are what the console is made of.
func (c *Console) Parts() []kit.Part { return c.parts }
