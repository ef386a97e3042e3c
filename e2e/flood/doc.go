// Command flood attacks the built service on loopback and prints what its callers and its memory notice of it.
//
// It starts bin/housephone stand-alone, so that anybody may call, and floods its SIP port from
// ever new addresses of 127.0.0.0/8 while one caller sets up calls at the same time. The table has
// one line for each kind of flood: datagrams a second that were sent, the time from INVITE to
// 200 of the calls, and by how much the resident memory has grown since before the first one.
//
//	make flood
package main
