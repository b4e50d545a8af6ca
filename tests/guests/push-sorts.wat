;; Good: four outcomes, by the first letter of a notification's title: `a` is accepted under its own
;; identifier, `r` is to be tried again after as many milliseconds as a u64 holds, `g` is gone, and whatever
;; else is rejected with its title.
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
  (func (export "warbler:plugin/push@0.1.0#deliver") (param $batch i32) (param $count i32) (result i32)
    (local $at i32)
    (local $to i32)
    (local $letter i32)
    (local.set $at (local.get $batch))
    (local.set $to (i32.const 256))
    (i32.store (i32.const 72) (i32.const 256))
    (i32.store (i32.const 76) (local.get $count))
    (block $done (loop $again
      (br_if $done (i32.eqz (local.get $count)))
      ;; A notification: id at 0, endpoint at 8 (four strings), title at 40; 104 bytes in all.
      (local.set $letter (i32.load8_u (i32.load offset=40 (local.get $at))))
      (memory.fill (local.get $to) (i32.const 0) (i32.const 24))
      (if (i32.eq (local.get $letter) (i32.const 97)) (then
          (i32.store8 offset=8 (local.get $to) (i32.const 1))
          (i64.store offset=12 align=4 (local.get $to) (i64.load align=4 (local.get $at))))
        (else (if (i32.eq (local.get $letter) (i32.const 114)) (then
            (i32.store8 (local.get $to) (i32.const 1))
            (i64.store offset=8 (local.get $to) (i64.const -1)))
          (else (if (i32.eq (local.get $letter) (i32.const 103)) (then
              (i32.store8 (local.get $to) (i32.const 2)))
            (else
              (i32.store8 (local.get $to) (i32.const 3))
              (i64.store offset=8 align=4 (local.get $to) (i64.load offset=40 align=4 (local.get $at)))))))))
      (local.set $at (i32.add (local.get $at) (i32.const 104)))
      (local.set $to (i32.add (local.get $to) (i32.const 24)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $again)))
    (i32.const 64))
  (func (export "cabi_post_warbler:plugin/push@0.1.0#deliver") (param i32) (global.set $next (i32.const 8192))))
