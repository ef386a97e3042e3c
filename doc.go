// Package housephone holds no code: it is the root of the module, where the
// direction of imports between its folders is tested.
package housephone
