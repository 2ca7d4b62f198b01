/* ---
description: >-
  Harga setiap barang di setiap petak kabupaten/kota pada tanggal tutup terakhir sumbernya; petak yang tidak melapor tetap
  ada dengan harga kosong. Letak petak dari referensi.wilayah.
grain: Satu baris per sumber, barang dan kabupaten/kota
judul: Harga menurut kabupaten/kota
halaman: harga
urutan: 30
per: per_tanggal
tampil: [wilayah, barang, sumber, harga, satuan, ubah_harian, ubah_mingguan, selisih_median, selisih_acuan]
susun: ["-harga"]
baris: {kode_kabupaten_kota: kode_bps, kode_varian: kode_sumber, kode_komoditas: kode_sumber}
columns:
  per_tanggal: {description: Tanggal tutup terakhir sumber., classification: internal}
  sumber: {description: panel_harga atau sp2kp., classification: internal}
  kode_sumber: {description: Kode barang menurut sumber., classification: internal}
  barang: {description: Nama barang., classification: internal}
  satuan: {description: Satuan barang., classification: internal}
  kode_bps: {description: Kode BPS kabupaten/kota., classification: internal}
  wilayah: {description: Nama baku kabupaten/kota., classification: internal}
  petak_kolom: {description: Kolom petak dari 0 di kiri., classification: internal}
  petak_baris: {description: Baris petak dari 0 di atas., classification: internal}
  singkat: {description: Huruf pada petak., classification: internal}
  harga: {description: Harga; kosong bila belum ada data., satuan: Rp per satuan, classification: internal}
  ubah_harian: {description: Perubahan terhadap tanggal berharga sebelumnya., satuan: persen, classification: internal}
  ubah_mingguan: {description: Perubahan terhadap 7–13 hari sebelumnya., satuan: persen, classification: internal}
  selisih_median: {description: Selisih terhadap median kabupaten/kota yang melapor., satuan: persen, classification: internal}
  selisih_acuan: {description: Selisih terhadap HET/HAP., satuan: persen, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
  dataset: {description: Dataset baris di baliknya., classification: internal}
  partisi: {description: Partisi dataset itu., classification: internal}
--- */
WITH barang AS (
    SELECT
        per_tanggal, sumber, kode_sumber, any_value(barang) AS barang, any_value(satuan) AS satuan,
        CAST(median(harga) AS DECIMAL(18, 2)) AS median_harga, max(asal_data) AS asal_data, dataset, partisi
    FROM dashboard.harga_perubahan
    WHERE tingkat = 'kabkota'
    GROUP BY per_tanggal, sumber, kode_sumber, dataset, partisi
)
SELECT
    b.per_tanggal,
    b.sumber,
    b.kode_sumber,
    b.barang,
    b.satuan,
    w.kode_bps,
    w.nama AS wilayah,
    w.petak_kolom,
    w.petak_baris,
    w.singkat,
    h.harga,
    h.ubah_harian,
    h.ubah_mingguan,
    CAST(100 * (h.harga - b.median_harga) / b.median_harga AS DECIMAL(12, 2)) AS selisih_median,
    h.selisih_acuan,
    b.asal_data,
    b.dataset,
    b.partisi
FROM barang AS b
CROSS JOIN core.dim_wilayah AS w
LEFT JOIN dashboard.harga_perubahan AS h
    ON h.tingkat = 'kabkota' AND h.sumber = b.sumber AND h.kode_sumber = b.kode_sumber AND h.kode_bps = w.kode_bps
WHERE w.petak_kolom IS NOT NULL
