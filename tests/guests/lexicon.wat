;; Good: flags the first hit of the list `words` in a text.
(module
  (import "warbler:plugin/lexicons@0.1.0" "find" (func $find (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 4096))
  (data (i32.const 512) "\08\02\00\00\05\00\00\00words")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $next))
    (global.set $next
      (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 7)) (i32.const -8)))
    (local.get $at))
  (func (export "warbler:plugin/lifecycle@0.1.0#init") (param i32 i32) (result i32) (i32.const 0))
  (func (export "warbler:plugin/content-filter@0.1.0#check") (param $message i32) (result i32)
    (local $hit i32)
    ;; find(["words"], text), its result at address 256
    (call $find (i32.const 512) (i32.const 1)
      (i32.load offset=80 (local.get $message)) (i32.load offset=84 (local.get $message)) (i32.const 256))
    (if (i32.load8_u (i32.const 256)) (then (unreachable)))
    (if (i32.eqz (i32.load (i32.const 264))) (then (return (i32.const 2048))))
    ;; ok(decision { verdict: flag, findings: [one] }), built at address 64
    (i32.store8 (i32.const 72) (i32.const 1))
    (i32.store (i32.const 128) (i32.const 320))
    (i32.store (i32.const 132) (i32.const 1))
    ;; finding { label: category, rule: word, start, end, score: 1.0 }, at address 320
    (local.set $hit (i32.load (i32.const 260)))
    (i64.store (i32.const 320) (i64.load offset=8 (local.get $hit)))
    (i64.store (i32.const 328) (i64.load (local.get $hit)))
    (i64.store (i32.const 336) (i64.load offset=16 (local.get $hit)))
    (f32.store (i32.const 344) (f32.const 1))
    (i32.const 64))
  (func (export "cabi_post_warbler:plugin/content-filter@0.1.0#check") (param i32) (global.set $next (i32.const 4096))))
