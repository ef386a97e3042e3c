// Package hwtest holds hardware that is not there: a board with pins, SPI and I²C for tests of package hw, chips that
// understand the bytes sent to them, and the bounces of real switches.
//
// Everything here is safe for use from several goroutines.
package hwtest
