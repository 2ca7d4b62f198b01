/* ---
description: >-
  Corong usulan pokir: berapa usulan dan berapa nilainya yang sampai pada setiap tahap. Satu usulan dihitung pada semua tahap
  yang dilewatinya, sehingga jumlah dan nilai antar tahap dibandingkan dan tidak dijumlahkan.
grain: Satu baris per tanggal potret, tahun anggaran, dapil, OPD dan tahap
partition: tanggal
columns:
  tanggal: {description: Tanggal (WIB) potret., classification: public}
  tahun_anggaran: {description: Tahun anggaran yang dituju., classification: public}
  no_dapil: {description: Dapil lokasi usulan; kosong bila tidak dapat ditentukan., classification: public}
  kode_opd: {description: Kode SKPD tujuan menurut SIPD., classification: public}
  nama_opd: {description: Nama OPD tujuan., classification: public}
  tahap: {description: "usulan, setwan, mitra, skpd, tapd atau rkpd.", classification: public}
  urutan_tahap: {description: Urutan tahap 1 (usulan) sampai 6 (rkpd)., classification: public}
  jumlah_usulan: {description: Usulan yang sampai pada tahap ini., satuan: usulan, classification: public}
  nilai: {description: "Nilai pada tahap ini: yang diusulkan, yang direkomendasikan, atau rekomendasi TAPD untuk rkpd.", satuan: Rp, classification: public}
  jumlah_ditolak: {description: Dari usulan itu yang kemudian ditolak., satuan: usulan, classification: public}
  jumlah_dibatalkan: {description: Dari usulan itu yang kemudian dibatalkan., satuan: usulan, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH tahap AS (
    SELECT unnest([1, 2, 3, 4, 5, 6]) AS urutan_tahap
)
SELECT
    p.tanggal,
    p.tahun_anggaran,
    p.no_dapil,
    p.kode_opd,
    min(p.nama_opd) AS nama_opd,
    ['usulan', 'setwan', 'mitra', 'skpd', 'tapd', 'rkpd'][t.urutan_tahap] AS tahap,
    t.urutan_tahap,
    count(*) AS jumlah_usulan,
    CAST(sum([p.anggaran, p.rekom_setwan, p.rekom_mitra, p.rekom_skpd, p.rekom_tapd, p.rekom_tapd][t.urutan_tahap])
        AS DECIMAL(20, 2)) AS nilai,
    count(*) FILTER (WHERE p.keadaan = 'ditolak') AS jumlah_ditolak,
    count(*) FILTER (WHERE p.keadaan = 'dibatalkan') AS jumlah_dibatalkan,
    p.asal_data
FROM core.fct_potret_usulan_pokir AS p
INNER JOIN tahap AS t ON t.urutan_tahap <= p.urutan_tahap
GROUP BY p.tanggal, p.tahun_anggaran, p.no_dapil, p.kode_opd, t.urutan_tahap, p.asal_data
