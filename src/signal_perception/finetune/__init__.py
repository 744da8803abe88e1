"""Stage finetune: from pre-trained or fresh to fine-tuned weights."""
