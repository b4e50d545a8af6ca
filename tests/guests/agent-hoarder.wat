;; Hostile: keeps the turn that it borrowed.
(module
  (import "warbler:plugin/conversation@0.1.0" "[resource-drop]turn" (func $drop (param i32)))
  (import "warbler:plugin/conversation@0.1.0" "[method]turn.say" (func $say (param i32 i32 i32 i32)))
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 8192))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $next))
    (global.set $next
      (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 7)) (i32.const -8)))
    ;; Grows in whole pages, as far as it may.
    (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))) (then
      (if (i32.eq (memory.grow (i32.add (i32.shr_u (local.get 3) (i32.const 16)) (i32.const 1))) (i32.const -1))
        (then (unreachable)))))
    (local.get $at))
  (func (export "warbler:plugin/lifecycle@0.1.0#init") (param i32 i32) (result i32) (i32.const 0))
  (func (export "warbler:plugin/agent@0.1.0#reply") (param $call i32) (result i32)
    (local $turn i32)
    ;; The message takes 144 bytes; the turn stands behind it.
    (local.set $turn (i32.load offset=144 (local.get $call)))
    (i32.const 64))
  (func (export "cabi_post_warbler:plugin/agent@0.1.0#reply") (param i32) (global.set $next (i32.const 8192))))
