// Package menu is the menu that callers walk through with the keys of their
// phone: its file and the machine that runs it.
//
// [Parse] reads the YAML file. The words are those of ha-sip where they fit.
// Everything that can be known to be wrong is told with its line: unknown words
// and ids, choices that can never be reached, menus that go in a circle without
// ever listening.
//
// [Machine] walks one caller through a [Menu]. It is pure: keys, ends of sounds
// and the time go in, [Action]s come out, in the order in which they are to be
// carried out. [Guard] limits wrong PINs over all calls.
//
// Ownership: a Menu never changes and may be used by any number of machines; a
// machine belongs to one goroutine. A running call keeps the menu with which it
// began when [File] has loaded a new one.
//
// PINs are never part of an action, an error or an event.
package menu
