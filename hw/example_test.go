package hw_test

import (
	"context"
	"fmt"

	"housephone/hw"
)

func Example() {
	panel, err := hw.New(hw.Config{Doorbell: "front:sim,garden:sim", Door: "sim", DoorPulse: "3s"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- panel.Run(ctx) }()

	fmt.Printf("%T %+v\n", hw.DoorState{}, <-panel.Events())
	if err := panel.Press("front"); err != nil {
		fmt.Println(err)
	}
	if pressed, ok := (<-panel.Events()).(hw.Pressed); ok {
		fmt.Println(pressed.Button, pressed.Long)
	}
	if err := panel.Unlock(ctx, "grandmother", hw.HowTopic); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%+v\n", <-panel.Events())
	stop()
	fmt.Println(<-ended)
	// Output:
	// hw.DoorState {Unlocked:false}
	// front false
	// {Unlocked:true}
	// <nil>
}

func ExampleConfig_Validate() {
	fmt.Println(hw.Config{Door: "sim", DoorPulse: "soon"}.Validate())
	// Output:
	// HW_DOOR_PULSE="soon": not usable; allowed: a time such as 3s or 500ms, from 50ms to 1m0s
}
