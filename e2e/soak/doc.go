// Package soak lets the service work for long: many calls at a time that come and go, commands at random, a broker
// that is restarted. What grows meanwhile is told as a slope.
//
//	SOAK=20m make soak
//
// Its test has a build tag of its own, because it takes as long as it is told to.
package soak
