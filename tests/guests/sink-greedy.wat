;; Hostile: gives one byte more than it was asked for, and a listing of 1,001 names.
(module
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
  (func (export "warbler:plugin/backup-sink@0.1.0#put")
    (param $name i32) (param $long i32) (param $bytes i32) (param $many i32) (result i32)
    (i32.const 64))
  (func (export "warbler:plugin/backup-sink@0.1.0#get")
    (param $name i32) (param $long i32) (param $offset i64) (param $length i64) (result i32)
    (i32.store8 (i32.const 136) (i32.const 1))
    (i32.store (i32.const 140) (i32.const 1024))
    (i32.store (i32.const 144) (i32.wrap_i64 (i64.add (local.get $length) (i64.const 1))))
    (i32.const 128))
  (func (export "warbler:plugin/backup-sink@0.1.0#list")
    (param $prefix i32) (param $long i32) (param $is-after i32) (param $after i32) (param $after-long i32) (result i32)
    ;; Zeros read as names of no letters.
    (i32.store (i32.const 200) (i32.const 65536))
    (i32.store (i32.const 204) (i32.const 1001))
    (i32.const 192))
  (func (export "warbler:plugin/backup-sink@0.1.0#delete") (param $name i32) (param $long i32) (result i32)
    (i32.const 64)))
