;; Good: keeps its configuration from `init`, and holds every message with it as the reason's text.
;; Refuses an empty configuration.
(module
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 4096))
  (data (i32.const 48) "empty")
  (global $config (mut i32) (i32.const 0))
  (global $length (mut i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $next))
    (global.set $next
      (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 7)) (i32.const -8)))
    (local.get $at))
  (func (export "warbler:plugin/lifecycle@0.1.0#init") (param i32 i32) (result i32)
    (global.set $config (local.get 0))
    (global.set $length (local.get 1))
    ;; err("empty"), built at address 32
    (if (i32.eqz (local.get 1)) (then (i32.store8 (i32.const 32) (i32.const 1))))
    (i32.store (i32.const 36) (i32.const 48))
    (i32.store (i32.const 40) (i32.const 5))
    ;; From here on, memory is given out above the configuration.
    (global.set $base (global.get $next))
    (i32.const 32))
  (func (export "warbler:plugin/content-filter@0.1.0#check") (param $message i32) (result i32)
    ;; ok(decision { verdict: hold(reason { code, text }), findings: [] }), built at address 64
    (i32.store8 (i32.const 72) (i32.const 4))
    (i32.store (i32.const 88) (global.get $config))
    (i32.store (i32.const 92) (global.get $length))
    (i32.const 64))
  (global $base (mut i32) (i32.const 4096))
  (func (export "cabi_post_warbler:plugin/content-filter@0.1.0#check") (param i32) (global.set $next (global.get $base))))
