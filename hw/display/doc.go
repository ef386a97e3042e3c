// Package display drives the small displays of a door panel: MAX7219 LED matrices, SSD1306 OLEDs, HD44780 character
// LCDs behind a PCF8574, and a simulated matrix.
//
// Goals: one interface, [Display], that shows rows of text and scrolls those that are too long; every byte that goes
// to a chip stands in a golden test; every error of a bus comes back to the caller.
//
// Non-goals: graphics, colour, deciding what is shown (package hw), opening buses (package hw).
//
// A Display belongs to one goroutine. Nothing here starts goroutines or looks at the clock; the only waits are those
// that the HD44780 needs while it starts.
package display
