// Package demo is the demonstration world: six organizations, their people, what they publish, what they said to each other
// and a year of what they did, written as files under world/ and made into rows by Seed. It owns no table and no rule: texts go
// through the publishing functions of the rooms, and activity is computed with the rooms' own measures, so that what the
// demonstration shows is what the product would have written itself.
//
// Identifiers follow from names (id.Derive) and chance comes from a fixed seed, so that every start makes the same world. All
// dates of the files are as if today were 2026-11-21; they are moved to the day of the start.
//
// Only the command line calls it.
package demo
